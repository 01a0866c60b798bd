"""Budgets of log lines: what is written, what is counted, and that nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from gromit.web.server.line_budget import (
    BURST,
    CLIENTS_MAX,
    OTHERS,
    SECOND_S,
    LineBudget,
    Timer,
    client_group,
)


class _Clock:
    """Timers that a test lets go off."""

    def __init__(self) -> None:
        self.waiting: dict[int, Callable[[], None]] = {}
        self._count = 0

    def __call__(self, seconds: float, call: Callable[[], None]) -> Timer:
        assert seconds == SECOND_S
        self._count += 1
        self.waiting[self._count] = call
        return _Handle(self.waiting, self._count)

    def pass_second(self) -> None:
        due, self.waiting = list(self.waiting.values()), {}
        for call in due:
            call()


class _Handle:
    def __init__(self, waiting: dict[int, Callable[[], None]], number: int) -> None:
        self._waiting, self._number = waiting, number

    def cancel(self) -> None:
        self._waiting.pop(self._number, None)


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def budget(clock: _Clock) -> LineBudget:
    return LineBudget("x", clock)


def _admitted(budget: LineBudget, times: int, client: str | None, reason: str = "401") -> int:
    return sum(budget.admits(client, reason) for _ in range(times))


def _left_out(logs: list[Any]) -> list[tuple[str, int, dict[str, int]]]:
    own = [line for line in logs if line.get("of") == "x"]
    assert {line["event"] for line in own} <= {"lines.left_out"}
    return [(line["client"], line["count"], line["by"]) for line in own]


def test_a_client_within_its_budget_is_written_line_by_line(budget: LineBudget) -> None:
    with capture_logs() as logs:
        assert _admitted(budget, BURST, "192.0.2.1") == BURST
        budget.flush()
    assert _left_out(logs) == []


def test_a_flood_is_written_as_one_line_a_second_and_counted_whole(
    budget: LineBudget, clock: _Clock
) -> None:
    written = 0
    with capture_logs() as logs:
        for _ in range(5):
            written += _admitted(budget, 100, "192.0.2.1")
            clock.pass_second()
        written += _admitted(budget, 7, "192.0.2.1", "403")
        budget.flush()
    found = _left_out(logs)
    assert (written, len(found), clock.waiting) == (BURST, 6, {})
    assert sum(count for _, count, _ in found) + written == 507
    assert found[-1] == ("192.0.2.1", 7, {"403": 7})
    assert {client for client, _, _ in found} == {"192.0.2.1"}


def test_a_client_that_was_quiet_for_a_second_has_its_budget_again(
    budget: LineBudget, clock: _Clock
) -> None:
    assert _admitted(budget, 3, "192.0.2.1") == 3
    clock.pass_second()
    assert clock.waiting == {}
    assert _admitted(budget, BURST, "192.0.2.1") == BURST


def test_clients_do_not_share_a_budget_and_neither_do_certificates_of_an_address(
    budget: LineBudget,
) -> None:
    with capture_logs() as logs:
        assert _admitted(budget, 50, "192.0.2.1") == BURST
        assert _admitted(budget, 50, "192.0.2.2") == BURST
        assert budget.admits("192.0.2.1", "403", "a1b2")
        budget.flush()
    assert [client for client, _, _ in _left_out(logs)] == ["192.0.2.1", "192.0.2.2"]


def test_addresses_without_an_end_share_one_budget(budget: LineBudget) -> None:
    with capture_logs() as logs:
        written = sum(
            budget.admits(f"10.0.{n // 250}.{n % 250}", "401") for n in range(10 * CLIENTS_MAX)
        )
        budget.flush()
    assert written == CLIENTS_MAX + BURST
    assert _left_out(logs) == [(OTHERS, 9 * CLIENTS_MAX - BURST, {"401": 9 * CLIENTS_MAX - BURST})]


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("/run/socket", "/run/socket"),
        (None, None),
    ],
)
def test_a_network_of_ipv6_counts_as_one_client(address: str | None, group: str | None) -> None:
    assert client_group(address) == group
