"""Which state a run may act on: the whole decision table."""

from itertools import product

import pytest

from gromit.core.names import environment_name, reaping_name
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.states import StateVerdict, judge_state, require_safe_state
from gromit.errors import UnsafeState

RECORDED = StateMark("lineage", 12)
NEWER, SAME, OLDER = (StateMark("lineage", serial) for serial in (13, 12, 11))
OTHER = StateMark("another", 40)
OURS, NOBODYS = frozenset({"sw"}), frozenset[str]()
FOREIGN = (
    frozenset({"master"}),
    frozenset({"sw", "master"}),
    frozenset({"sw", ""}),
    frozenset({""}),
)


@pytest.mark.parametrize(
    ("mark", "resources", "verdict"),
    [
        (NEWER, 3, StateVerdict.USABLE),
        (SAME, 3, StateVerdict.USABLE),
        (OLDER, 3, StateVerdict.OLDER),
        (OTHER, 3, StateVerdict.OTHER_LINEAGE),
        (NEWER, 0, StateVerdict.USABLE),
        (SAME, 0, StateVerdict.USABLE),
        (OLDER, 0, StateVerdict.LOST),
        (OTHER, 0, StateVerdict.LOST),
    ],
)
@pytest.mark.parametrize("owners", [OURS, NOBODYS])
def test_a_state_of_ours_is_held_against_what_the_last_run_left(
    mark: StateMark, resources: int, owners: frozenset[str], verdict: StateVerdict
) -> None:
    assert judge_state("sw", StateHead(resources, mark, owners), RECORDED) is verdict


@pytest.mark.parametrize("mark", [NEWER, SAME, OLDER, OTHER])
def test_without_a_record_every_state_of_ours_is_usable(mark: StateMark) -> None:
    for resources, owners in product((0, 3), (OURS, NOBODYS)):
        verdict = judge_state("sw", StateHead(resources, mark, owners), None)
        assert verdict is StateVerdict.USABLE


@pytest.mark.parametrize("owners", FOREIGN)
def test_one_resource_of_others_makes_a_state_foreign(owners: frozenset[str]) -> None:
    for mark, recorded in product((NEWER, SAME, OLDER, OTHER), (None, RECORDED)):
        verdict = judge_state("sw", StateHead(3, mark, owners), recorded)
        assert verdict is StateVerdict.FOREIGN


@pytest.mark.parametrize(
    ("environment", "owner", "is_ours"),
    [
        (environment_name("TT-1234_fix"), "TT-1234_fix", True),
        (reaping_name("TT-1234_fix"), "TT-1234_fix", True),
        ("app-test", "App-Test", True),
        ("app-test", "app.test", False),
        ("app-test", "app_test", False),
        (environment_name("TT-1234_fix"), "TT-1234_fiX2", False),
        ("sw", "", False),
    ],
)
def test_what_gromit_v1_tagged_with_the_name_of_the_branch_is_of_its_environment(
    environment: str, owner: str, *, is_ours: bool
) -> None:
    head = StateHead(3, NEWER, frozenset({owner}))
    expected = StateVerdict.USABLE if is_ours else StateVerdict.FOREIGN
    assert judge_state(environment, head, None) is expected
    assert head.strangers(environment) == (frozenset() if is_ours else {owner})


def test_no_state_is_a_loss_only_if_there_was_one() -> None:
    assert judge_state("sw", None, None) is StateVerdict.USABLE
    assert judge_state("sw", None, RECORDED) is StateVerdict.LOST


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (StateHead(3, NEWER, frozenset({"master"})), "the state of sw belongs to master"),
        (StateHead(3, NEWER, frozenset({"", "sw"})), "resources of no environment"),
        (StateHead(3, OLDER, OURS), "is older than the last run's: it has serial 11 of"),
        (StateHead(3, OTHER, OURS), "lineage another, and the last run left serial 12 of"),
    ],
)
def test_a_refusal_says_what_is_stored_there_and_where(head: StateHead, words: str) -> None:
    with pytest.raises(UnsafeState) as refused:
        require_safe_state("sw", head, RECORDED)
    assert words in refused.value.message
    assert "nothing was touched" in str(refused.value.hint)
    assert "`env:/sw/devenv`" in str(refused.value.hint)


def test_a_state_that_is_safe_keeps_its_verdict() -> None:
    assert require_safe_state("sw", StateHead(3, SAME, OURS), RECORDED) is StateVerdict.USABLE
    assert require_safe_state("sw", None, RECORDED) is StateVerdict.LOST
