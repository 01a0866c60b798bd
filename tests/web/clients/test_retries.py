"""Repetition of requests that failed for a while only."""

from dataclasses import dataclass, field, replace

import pytest

from gromit.errors import GromitError, NotFound, Temporary
from gromit.web.clients.retries import RETRIES, Retries


@dataclass
class Request:
    """A request that fails as often as there are errors."""

    errors: list[GromitError]
    calls: int = 0
    pauses: list[float] = field(default_factory=list)

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def with_retries(self, retries: Retries) -> str:
        return replace(retries, sleep=self.pauses.append).call(self)


def test_a_request_is_repeated_with_growing_pauses_up_to_a_longest_one() -> None:
    request = Request([Temporary("busy") for _ in range(8)])
    assert request.with_retries(Retries(attempts=9, within_s=3600, jitter_s=0)) == "done"
    assert request.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0]


def test_pauses_differ_between_clients() -> None:
    requests = [Request([Temporary("busy")]) for _ in range(20)]
    for request in requests:
        request.with_retries(Retries(within_s=3600))
    pauses = [request.pauses[0] for request in requests]
    assert len(set(pauses)) > 1
    assert all(0.1 <= pause <= 1.1 for pause in pauses)


def test_the_last_error_is_raised_and_another_kind_at_once() -> None:
    request = Request([Temporary(str(number)) for number in range(9)])
    with pytest.raises(Temporary, match="3"):
        request.with_retries(Retries(within_s=3600))
    assert (request.calls, RETRIES.attempts) == (4, 4)
    request = Request([NotFound("no"), Temporary("busy")])
    with pytest.raises(NotFound):
        request.with_retries(Retries())
    assert request.calls == 1


def test_no_attempt_begins_after_the_time() -> None:
    request = Request([Temporary("busy"), Temporary("busy")])
    with pytest.raises(Temporary):
        request.with_retries(Retries(within_s=0))
    assert (request.calls, request.pauses) == (1, [])
