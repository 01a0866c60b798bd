"""Environments that cannot become ready on their own."""

import pytest

from gromit.core.environments.failures import FailureClass, remedy_of, shown_remedy
from gromit.core.environments.phases import Phase
from gromit.core.environments.readiness import required_action, unhealthy_components

GONE = {Phase.GONE, Phase.DELETING, Phase.REAPING}


@pytest.mark.parametrize("phase", Phase)
def test_a_deleted_environment_needs_a_build_and_one_that_failed_a_fix(phase: Phase) -> None:
    action = required_action(phase, remedy_of(FailureClass.BUILD))
    if phase in GONE:
        assert action == "report a build of the branch"
    elif phase in {Phase.FAILED, Phase.DEGRADED}:
        assert action == "fix the build, then re-run its workflow"
    elif phase is Phase.PARKED:
        assert action == "unpark it with `gromit env unpark`"
    else:
        assert action is None


@pytest.mark.parametrize("failure", [FailureClass.PLATFORM, FailureClass.PERSON])
def test_what_the_build_did_not_cause_is_for_the_operators(failure: FailureClass) -> None:
    action = required_action(Phase.FAILED, remedy_of(failure))
    assert action
    assert action.startswith("ask the operators of gromit")


def test_a_failure_that_may_pass_needs_nothing() -> None:
    assert required_action(Phase.FAILED, remedy_of(FailureClass.TRANSIENT)) is None


def test_a_quota_has_to_be_raised_and_is_named() -> None:
    said = "creating Security Group: SecurityGroupLimitExceeded: The maximum number of groups"
    action = required_action(Phase.FAILED, remedy_of(FailureClass.QUOTA, said))
    assert action
    assert "vpc.security_groups" in action
    assert "--quota-code L-E79EC296" in action
    older = {"kind": "terraform", "message": said}
    assert shown_remedy(older) == action


def test_the_remedy_of_an_older_serve_comes_from_what_it_shows() -> None:
    shown = {"kind": "rollout", "message": "tyk does not start"}
    assert shown_remedy(shown) == remedy_of(FailureClass.BUILD)
    assert shown_remedy({**shown, "remedy": "ask alice"}) == "ask alice"
    assert shown_remedy({**shown, "remedy": None}) is None


def test_a_component_without_an_answer_that_counts_is_waited_for() -> None:
    unknown, well = {"state": "unknown", "reason": None}, {"state": "pass", "reason": None}
    components = {"tyk": {"health": unknown}, "dash": {"health": well}, "redis": {"health": None}}
    assert unhealthy_components({"components": components}) == {"tyk": ""}
    said = {"tyk": {"health": {"state": "unknown", "reason": "/hello says warn"}}}
    assert unhealthy_components({"components": said}) == {"tyk": "/hello says warn"}
    assert unhealthy_components({"components": {"tyk": {"dns": None}}}) == {}
    assert unhealthy_components({}) == {}
