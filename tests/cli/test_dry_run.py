"""A dry run agrees with the claim, for any history of an environment."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments import work
from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.pass_plan import environment_summary, plan
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.row_writes import Row, WriteAccepted
from gromit.core.stack.catalogue import Catalogue
from gromit.core.time import Millis
from gromit.web.api.views import EnvironmentViews
from tests.core.environments.lives import TTL, in_phase, instants, lives, outcome

VIEWS = EnvironmentViews(Catalogue({}), None)


def planned(kind: Work, row: Row, now_ms: int) -> str:
    """Return the action of a dry run, from serve's view of the row."""
    shown = asdict(VIEWS.detail(parse_environment(row), now_ms))
    (item,) = plan(kind, [environment_summary(shown, Millis(now_ms))], None)
    return item.action


def claimed(kind: Work, row: Row, now_ms: int) -> str:
    """Return the action of a claim of the row, in the words of a plan."""
    result = outcome(row, work.claim(kind, Claimant("w", "n"), now_ms, TTL))
    return kind if isinstance(result, WriteAccepted) else "none"


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", Work)
def test_a_dry_run_shows_what_a_claim_takes_in_each_phase(
    kind: Work, phase: Phase, protected: bool
) -> None:
    row = {**in_phase(phase), "protected": protected}
    assert [planned(kind, row, at) for at in instants(row)] == [
        claimed(kind, row, at) for at in instants(row)
    ]


@given(st.sampled_from(Work), lives())
def test_a_dry_run_shows_what_a_claim_takes_whatever_has_happened(kind: Work, row: Row) -> None:
    assert [planned(kind, row, at) for at in instants(row)] == [
        claimed(kind, row, at) for at in instants(row)
    ]
