"""Plans of sow and reap: action and reason for every environment."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.pass_plan import EnvironmentSummary, PlannedAction, plan
from gromit.core.environments.phases import Phase, Work


def standing(
    name: str = "e",
    phase: Phase = Phase.PENDING,
    *,
    due_in_s: float = -1,
    protected: bool = False,
    observed: int = 0,
    attempts: int = 2,
) -> EnvironmentSummary:
    return EnvironmentSummary(
        name=name,
        phase=phase,
        generation=3,
        observed=observed,
        due_in_s=due_in_s,
        protected=protected,
        attempts=attempts,
        holder="w" if phase in {Phase.SOWING, Phase.REAPING} else None,
    )


@pytest.mark.parametrize(
    ("kind", "environment", "action", "why"),
    [
        (Work.SOW, standing(), "sow", "generation 3 is desired, none was applied yet"),
        (
            Work.SOW,
            standing(observed=2),
            "sow",
            "generation 3 is desired, generation 2 was applied",
        ),
        (
            Work.SOW,
            standing(phase=Phase.FAILED),
            "sow",
            "generation 3 is desired, none was applied yet",
        ),
        (
            Work.SOW,
            standing(phase=Phase.FAILED, due_in_s=30.4),
            "none",
            "2 attempts failed; the next is in 30 s",
        ),
        (Work.SOW, standing(phase=Phase.SOWING), "none", "w is working on it"),
        (Work.SOW, standing(phase=Phase.REAPING), "none", "w is working on it"),
        (Work.SOW, standing(phase=Phase.READY), "none", "generation 3 is up to date"),
        (Work.SOW, standing(phase=Phase.DELETING), "none", "it is deleted, which is work of reap"),
        (Work.SOW, standing(phase=Phase.GONE), "none", "it is gone"),
        (Work.REAP, standing(), "none", "it is desired"),
        (Work.REAP, standing(phase=Phase.READY), "none", "it is desired"),
        (Work.REAP, standing(phase=Phase.FAILED), "none", "it is desired"),
        (Work.REAP, standing(phase=Phase.SOWING), "none", "w is working on it"),
        (
            Work.REAP,
            standing(phase=Phase.DELETING),
            "reap",
            "it is deleted, and its grace period is over",
        ),
        (
            Work.REAP,
            standing(phase=Phase.DELETING, due_in_s=60),
            "none",
            "it is deleted, but a build can revive it for 60 s",
        ),
        (Work.REAP, standing(phase=Phase.DELETING, protected=True), "none", "it is protected"),
        (Work.REAP, standing(phase=Phase.GONE), "none", "it is gone"),
        (
            Work.SOW,
            standing(phase=Phase.DEGRADED, due_in_s=math.inf, attempts=0),
            "none",
            "it runs as it was applied, but a program in it does not work",
        ),
    ],
)
def test_every_phase_has_its_action_and_reason(
    kind: Work, environment: EnvironmentSummary, action: str, why: str
) -> None:
    assert plan(kind, [environment], None) == [PlannedAction("e", action, why)]


def test_the_longest_due_comes_first_and_what_is_left_alone_last() -> None:
    environments = [
        standing("late", due_in_s=-1),
        standing("a", Phase.READY),
        standing("early", due_in_s=-9),
        standing("b", due_in_s=-9),
    ]
    assert [i.name for i in plan(Work.SOW, environments, None)] == ["b", "early", "late", "a"]


def test_work_that_failed_before_comes_after_untried_work() -> None:
    environments = [
        standing("stuck", Phase.DELETING, due_in_s=-9),
        standing("new", Phase.DELETING, attempts=0),
    ]
    items = plan(Work.REAP, environments, 1)
    assert [(i.name, i.action) for i in items] == [("new", "reap"), ("stuck", "none")]


def test_what_is_beyond_the_limit_is_left_alone_and_says_so() -> None:
    items = plan(Work.REAP, [standing(n, Phase.DELETING) for n in ("c", "a", "b")], 2)
    assert [(i.name, i.action) for i in items] == [("a", "reap"), ("b", "reap"), ("c", "none")]
    assert (
        items[2].why == "it is deleted, and its grace period is over; but one pass does at most 2"
    )


standings = st.builds(
    standing,
    st.text("abc", min_size=1, max_size=3),
    st.sampled_from(Phase),
    due_in_s=st.integers(-5, 5),
    protected=st.booleans(),
)


@given(
    st.sampled_from(Work),
    st.lists(standings, max_size=12, unique_by=lambda s: s.name),
    st.none() | st.integers(1, 4),
)
def test_a_plan_names_every_environment_once_and_never_more_than_the_limit(
    kind: Work, environments: list[EnvironmentSummary], limit: int | None
) -> None:
    items = plan(kind, environments, limit)
    assert sorted(i.name for i in items) == sorted(s.name for s in environments)
    acted = [i for i in items if i.action != "none"]
    assert items[: len(acted)] == acted
    assert limit is None or len(acted) <= limit
    assert {i.action for i in acted} <= {kind}
    assert all(i.why for i in items)
    phases = {s.name: s for s in environments}
    assert all(phases[i.name].due_in_s <= 0 for i in acted)
