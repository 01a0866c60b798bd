"""Findings and their summary."""

import pytest

from gromit.core.doctor.findings import (
    Check,
    Finding,
    FindingStatus,
    Health,
    ok,
    overall_health,
    sentence,
    skipped,
    wrong,
)

OK, WRONG, SKIPPED = ok(Check.TABLE, "x"), wrong(Check.TABLE, "x", "y"), skipped(Check.TABLE, "x")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], Health.HEALTHY),
        ([OK], Health.HEALTHY),
        ([OK, SKIPPED], Health.HEALTHY),
        ([SKIPPED], Health.HEALTHY),
        ([OK, WRONG], Health.DEGRADED),
        ([WRONG], Health.BROKEN),
        ([WRONG, SKIPPED], Health.BROKEN),
    ],
)
def test_health(findings: list[Finding], expected: Health) -> None:
    assert overall_health(findings) is expected


def test_only_what_is_wrong_has_a_remedy() -> None:
    assert [bool(f.remedy) for f in (OK, WRONG, SKIPPED)] == [False, True, False]
    assert [f.state for f in (OK, WRONG, SKIPPED)] == list(FindingStatus)


def test_a_page_becomes_a_sentence() -> None:
    assert sentence("<html>\n  <h1>no\n") == "<html> <h1>no"
    assert len(sentence("word " * 1000)) == 300
