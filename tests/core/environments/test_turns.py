"""Turns of repositories: nothing starves, age decides within a repository, failures come last."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.turns import PATIENCE_MS, DueWork, by_age, by_turns

NOW = 10 * PATIENCE_MS
REPOSITORIES = ("a", "b", "c", "d")


def work(name: str, age_ms: int, delay_ms: int = 0) -> DueWork:
    return DueWork(name, NOW - age_ms, NOW - age_ms - delay_ms)


def repository(one: DueWork) -> str:
    return one.name[0]


def in_order(*all_work: DueWork) -> tuple[DueWork, ...]:
    return tuple(sorted(all_work, key=lambda w: (w.due_ms, w.name)))


def names(ordered: Sequence[DueWork]) -> str:
    return " ".join(w.name for w in ordered)


@st.composite
def queues(draw: st.DrawFn) -> tuple[DueWork, ...]:
    keys = draw(st.lists(st.sampled_from(REPOSITORIES), max_size=30))
    ages = st.integers(0, 3 * PATIENCE_MS)
    delays = st.sampled_from([0, 0, 0, 1, PATIENCE_MS])
    return in_order(
        *(work(f"{key}{n}", draw(ages), draw(delays)) for n, key in enumerate(keys)),
    )


turns = st.dictionaries(st.sampled_from(REPOSITORIES), st.integers(1, 100))


def test_the_table_in_the_docstring() -> None:
    keys = ["a1", "a2", "a3", "a4", "b1", "b2", "c1"]
    due = in_order(*(work(key, 100 - place) for place, key in enumerate(keys)))
    ordered = by_turns(due, repository, {"b": 1, "a": 2}, NOW)
    assert names(ordered) == "c1 b1 a1 b2 a2 a3 a4"


def test_without_turns_the_oldest_work_comes_first() -> None:
    due = in_order(work("b1", 5), work("a1", 9), work("a2", 8), work("c1", 1))
    assert names(by_turns(due, repository, {}, NOW)) == "a1 b1 c1 a2"
    assert names(by_age(due)) == "a1 a2 b1 c1"


def test_work_that_failed_waits_behind_all_other_work_and_then_takes_turns() -> None:
    others = [work(f"a{n}", 5) for n in range(3)]
    failed = work("b1", PATIENCE_MS - 1, delay_ms=1)
    patient = work("b1", PATIENCE_MS, delay_ms=1)
    assert names(by_turns(in_order(failed, *others), repository, {}, NOW)) == "a0 a1 a2 b1"
    assert names(by_turns(in_order(patient, *others), repository, {"b": 1}, NOW)) == "a0 b1 a1 a2"


def test_what_a_claim_holds_already_comes_first() -> None:
    held = DueWork("a1", NOW - 1, NOW - 1, "nonce")
    due = (*in_order(work("b1", 9)), held)
    assert names(by_turns(due, repository, {"a": 9}, NOW, "nonce")) == "a1 b1"
    assert names(by_turns(due, repository, {"a": 9}, NOW, "another")) == "b1 a1"


@given(due=queues(), latest=turns)
def test_all_work_is_in_the_order_once(due: tuple[DueWork, ...], latest: dict[str, int]) -> None:
    assert sorted(names(by_turns(due, repository, latest, NOW)).split()) == sorted(
        w.name for w in due
    )


@given(due=queues(), latest=turns)
def test_the_oldest_of_a_repository_comes_first(
    due: tuple[DueWork, ...], latest: dict[str, int]
) -> None:
    ordered = by_turns(due, repository, latest, NOW)
    for waits in (False, True):
        for key in REPOSITORIES:
            own = [w for w in ordered if repository(w) == key and w.waits_for_others(NOW) is waits]
            assert own == sorted(own, key=lambda w: (w.due_ms, w.name))


@given(due=queues(), latest=turns)
def test_work_that_was_put_off_takes_no_place_of_other_work(
    due: tuple[DueWork, ...], latest: dict[str, int]
) -> None:
    waits = [w.waits_for_others(NOW) for w in by_turns(due, repository, latest, NOW)]
    assert waits == sorted(waits)


@given(due=queues(), latest=turns, more=st.integers(0, 200))
def test_no_repository_waits_for_more_than_one_turn_of_each_other(
    due: tuple[DueWork, ...], latest: dict[str, int], more: int
) -> None:
    flood = in_order(*due, *(work(f"a{100 + n}", 4 * PATIENCE_MS) for n in range(more)))
    before: Counter[str] = Counter()
    ordered = [w for w in by_turns(flood, repository, latest, NOW) if not w.waits_for_others(NOW)]
    for one in ordered:
        own = before[repository(one)]
        assert all(
            count <= own + 1 for other, count in before.items() if other != repository(one)
        ), names(ordered)
        before[repository(one)] += 1


@given(due=queues(), latest=turns, workers=st.integers(1, 4))
def test_each_look_continues_the_order_of_the_one_before(
    due: tuple[DueWork, ...], latest: dict[str, int], workers: int
) -> None:
    """A place in the queue is the number of claims until then, if nothing else becomes due."""
    expected = by_turns(due, repository, latest, NOW)
    left, known, taken = list(due), dict(latest), list[DueWork]()
    while left:
        for one in by_turns(left, repository, known, NOW)[:workers]:
            taken.append(one)
            left.remove(one)
            known[repository(one)] = max(known.values(), default=0) + 1
    assert tuple(taken) == expected
