"""The catalogue's `exec: true`, compared with what the platform lets people do."""

from dataclasses import replace

import pytest

from gromit.core.doctor.exec_findings import judge_exec
from gromit.core.doctor.findings import FindingStatus
from gromit.core.stack.catalogue import Catalogue, Component
from tests.fakes.platform import EXEC_ROLE, PLATFORM

CATALOGUE = Catalogue(
    {
        "redis": Component(name="redis", image="redis:7"),
        "portal": Component(name="portal", image="portal:1", exec=True),
        "tyk": Component(name="tyk", image="tyk:1", exec=True),
    }
)


@pytest.mark.parametrize(
    ("components", "role", "state", "observed"),
    [
        (("portal", "tyk"), True, FindingStatus.OK, "people may run programs in portal, tyk"),
        (
            ("tyk", "redis"),
            True,
            FindingStatus.WRONG,
            "the platform does not let people run programs in portal",
        ),
        (
            ("portal", "tyk"),
            False,
            FindingStatus.WRONG,
            "the platform names no role for `env exec` in portal, tyk",
        ),
    ],
)
def test_the_catalogues_word_needs_that_of_the_platform(
    components: tuple[str, ...], *, role: bool, state: FindingStatus, observed: str
) -> None:
    arn = EXEC_ROLE if role else ""
    platform = replace(PLATFORM, exec_components=components, exec_role_arn=arn)
    finding = judge_exec(CATALOGUE, platform)
    assert (finding.state, finding.observed) == (state, observed)
    assert "terraform/infra" in finding.remedy or state is FindingStatus.OK


def test_a_catalogue_without_exec_needs_nothing() -> None:
    catalogue = Catalogue({"redis": CATALOGUE.components["redis"]})
    assert judge_exec(catalogue, PLATFORM).state is FindingStatus.OK
