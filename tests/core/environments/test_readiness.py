"""Environments that cannot become ready on their own."""

import pytest

from gromit.core.environments.phases import Phase
from gromit.core.environments.readiness import PERMANENT_FAILURES, required_action

GONE = {Phase.GONE, Phase.DELETING, Phase.REAPING}


@pytest.mark.parametrize("phase", Phase)
def test_a_deleted_environment_needs_a_build_and_one_that_failed_a_fix(phase: Phase) -> None:
    action = required_action(phase, "config")
    if phase in GONE:
        assert action == "report a build of the branch"
    elif phase in {Phase.FAILED, Phase.DEGRADED}:
        assert action == "fix the build, then re-run its workflow"
    elif phase is Phase.PARKED:
        assert action == "unpark it with `gromit env unpark`"
    else:
        assert action is None


@pytest.mark.parametrize("failure", [None, "temporary", "terraform", "backend"])
def test_a_failure_that_may_pass_needs_nothing(failure: str | None) -> None:
    assert failure not in PERMANENT_FAILURES
    assert required_action(Phase.FAILED, failure) is None
