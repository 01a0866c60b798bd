"""Book on the health of components: who is due when, and which answers count."""

from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.health_book import BAD_ANSWERS, HealthBook, HealthFinding
from gromit.core.stack.health import HealthState
from tests.fakes.health import GOOD, SILENT, WARNING, health_target

APP = health_target()
KEY = APP.key


def answered(*findings: HealthFinding, now_s: float = 0.0, now_ms: int = 0) -> HealthBook:
    """Return a book that got these answers of one target."""
    book = HealthBook()
    book.follow([APP], now_s)
    for found in findings:
        book.record({APP: found}, now_s, now_ms)
    return book


def test_a_new_target_is_due_at_once_and_nothing_counts_yet() -> None:
    book = answered()
    assert book.due(0.0) == [APP]
    assert book.counting() == {}


def test_a_good_answer_counts_at_once_and_a_bad_one_after_some_in_a_row() -> None:
    assert answered(GOOD).counting() == {KEY: GOOD.status}
    assert answered(GOOD, *[WARNING] * (BAD_ANSWERS - 1)).counting() == {KEY: GOOD.status}
    assert answered(GOOD, *[WARNING] * BAD_ANSWERS).counting() == {KEY: WARNING.status}
    interrupted = [WARNING] * (BAD_ANSWERS - 1) + [GOOD] + [WARNING] * (BAD_ANSWERS - 1)
    assert answered(*interrupted).counting() == {KEY: GOOD.status}


def test_no_bad_answer_counts_in_the_grace_after_an_apply() -> None:
    book, starting = HealthBook(), health_target(grace_until_ms=1000)
    book.follow([starting], 0.0)
    for now_ms in range(0, 1000, 100):
        book.record({starting: WARNING}, 0.0, now_ms)
    assert book.counting() == {}
    for _ in range(BAD_ANSWERS):
        book.record({starting: WARNING}, 0.0, 1000)
    assert book.counting() == {starting.key: WARNING.status}


def test_a_healthy_one_is_asked_once_a_minute_and_the_others_sooner() -> None:
    def pause(book: HealthBook) -> int:
        return next(s for s in range(100) if book.due(float(s)))

    assert pause(answered(GOOD)) == 60
    assert pause(answered(WARNING)) == 5
    assert pause(answered(*[WARNING] * BAD_ANSWERS)) == 15


def test_what_changed_begins_again_and_what_is_gone_is_forgotten() -> None:
    book = answered(GOOD)
    book.follow([APP], 1.0)
    assert book.due(1.0) == []
    later = health_target(epoch=8)
    book.follow([later], 1.0)
    assert (book.due(1.0), book.counting()) == ([later], {})
    book.record({APP: GOOD}, 1.0, 0)  # the answer to a question from before the change
    assert book.counting() == {}
    book.follow([], 2.0)
    assert book.due(99.0) == []


def test_where_none_of_several_environments_can_be_reached_no_answer_counts() -> None:
    apps = [health_target(name) for name in ("a", "b")]
    book = HealthBook()
    book.follow(apps, 0.0)
    for _ in range(BAD_ANSWERS):
        book.record(dict.fromkeys(apps, SILENT), 0.0, 0)
    assert (book.is_blind(), book.counting()) == (True, {})
    book.record({apps[0]: WARNING}, 0.0, 0)
    assert not book.is_blind()
    assert book.counting().keys() == {a.key for a in apps}


def test_one_environment_that_cannot_be_reached_counts() -> None:
    assert answered(*[SILENT] * BAD_ANSWERS).counting() == {KEY: SILENT.status}


@given(st.lists(st.sampled_from([GOOD, WARNING, SILENT])))
def test_the_answer_that_counts_is_the_last_good_one_or_one_of_a_bad_row(
    findings: list[HealthFinding],
) -> None:
    book = answered(*findings)
    tail = findings[-BAD_ANSWERS:]
    counts = book.counting().get(KEY)
    if findings and findings[-1] is GOOD:
        assert counts == GOOD.status
    elif len(tail) == BAD_ANSWERS and GOOD not in tail:
        assert counts == findings[-1].status
    else:
        assert counts is None or counts.state in set(HealthState)
    assert book.undecided() == [APP] if not findings else True
