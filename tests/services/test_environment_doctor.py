"""The doctor of environments, and the count that its alarm watches."""

from structlog.testing import capture_logs

from gromit.core.discrepancies.facts import InstallationInventory
from gromit.core.discrepancies.kinds import DiscrepancyKind
from gromit.services.environment_doctor import EnvironmentDoctor

INVENTORY = InstallationInventory(
    now_ms=0,
    components=frozenset(),
    public=frozenset(),
    owner=None,
    rows={},
    unreadable=frozenset({"damaged"}),
    images={},
    required={"app": frozenset({("tyk", "sha-1"), ("tyk-pump", "sha-2")})},
)
"""One row that an operator has to correct, and two images that builds have to push."""


def test_what_a_build_explains_is_found_and_does_not_count_for_the_operators() -> None:
    with capture_logs() as lines:
        report = EnvironmentDoctor(lambda _: INVENTORY)((), lambda _: None)
    assert sorted(found.kind for found in report.discrepancies if found.is_of_build) == [
        DiscrepancyKind.IMAGE_MISSING,
        DiscrepancyKind.IMAGE_MISSING,
    ]
    (summary,) = (line for line in lines if line["event"] == "doctor.compared")
    assert (summary["discrepancies"], summary["for_operators"]) == (3, 1)
