"""Judgement of other installations in the zone."""

from collections.abc import Mapping

import pytest

from gromit.core.doctor.findings import FindingStatus
from gromit.core.doctor.neighbours import judge_neighbours

DOMAIN = "dev.example.com"


@pytest.mark.parametrize(
    ("name", "marks", "is_ok", "observed"),
    [
        ("", {}, True, "no other installation has records here"),
        ("", {"": 3}, True, "no other installation has records here"),
        ("team-a", {"team-a": 3}, True, "no other installation has records here"),
        (
            "team-a",
            {"team-a": 3, "": 2},
            True,
            "no other installation has records here; environments with records without a name: 2",
        ),
        (
            "team-a",
            {"team-c": 1, "team-a": 3, "team-b": 2, "": 1},
            True,
            "other installations have records of environments here: team-b (2), team-c (1)",
        ),
        (
            "",
            {"": 3, "b": 2},
            False,
            "other installations have records of environments here: b (2); this one has no name",
        ),
    ],
)
def test_other_installations_are_named(
    name: str, marks: Mapping[str, int], observed: str, *, is_ok: bool
) -> None:
    found = judge_neighbours(name, marks, DOMAIN)
    assert found.state is (FindingStatus.OK if is_ok else FindingStatus.WRONG)
    assert (found.observed, found.subject) == (observed, DOMAIN)
    assert bool(found.remedy) is not is_ok
