"""Full checks: when one is recent enough for a run to do without another."""

from dataclasses import replace
from typing import Any

import pytest

from gromit.core.environments.full_checks import is_own_state, is_recently_checked
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.made import MadeComponent
from gromit.core.stack.resources import ResourceKind
from tests.fakes.queue import a_claim

RECIPE, DAY_S = "recipe", 86_400.0
MARK = StateMark("lineage", 7)
HEAD = StateHead(3, MARK)
CLAIM = replace(
    a_claim(spec_hash="hash", made=(MadeComponent(name="tyk", version="1", redeploy="r1"),)),
    redeploys={"tyk": "r1"},
    recipe=RECIPE,
    checked_s=3600,
    state=MARK,
)


def test_a_run_after_a_clean_end_trusts_the_check_of_an_hour_ago() -> None:
    assert is_recently_checked(CLAIM, RECIPE, DAY_S)
    assert is_own_state(CLAIM, HEAD)


@pytest.mark.parametrize(
    "change",
    [
        {"spec_hash": None},
        {"checked_s": None},
        {"checked_s": 86_400},
        {"recipe": "another"},
        {"parked": True},
        {"redeploys": {"tyk": "r2"}},
        {"redeploys": {}},
    ],
    ids=repr,
)
def test_any_doubt_makes_a_run_check_everything(change: dict[str, Any]) -> None:
    assert not is_recently_checked(replace(CLAIM, **change), RECIPE, DAY_S)


def test_without_an_interval_every_run_checks_everything() -> None:
    assert not is_recently_checked(replace(CLAIM, checked_s=0), RECIPE, 0.0)


@pytest.mark.parametrize(
    "head",
    [
        None,
        replace(HEAD, mark=StateMark("lineage", 8)),
        replace(HEAD, mark=StateMark("other", 7)),
        replace(HEAD, resources=0),
        replace(HEAD, tainted=frozenset({(ResourceKind.SERVICE, "tyk")})),
        replace(HEAD, is_v1=True),
    ],
    ids=["none", "newer", "another", "empty", "tainted", "of gromit v1"],
)
def test_only_the_state_that_the_last_run_left_counts(head: StateHead | None) -> None:
    assert not is_own_state(CLAIM, head)
    assert not is_own_state(replace(CLAIM, state=None), HEAD)
