"""Rate limits, and bodies as the application gets them."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.time import Millis
from gromit.web.server.limits import BodyLimit, Message, RateLimit, Receive, Scope, Send


class TestRateLimit:
    """A number of requests per minute for each key."""

    def test_a_full_minute_may_be_used_at_once_and_then_it_trickles(self) -> None:
        limit = RateLimit(60)
        assert [limit.wait_ms("a", Millis(0)) for _ in range(61)] == [0] * 60 + [1000]
        assert limit.wait_ms("a", Millis(400)) == 600
        assert limit.wait_ms("a", Millis(1000)) == 0
        assert limit.wait_ms("a", Millis(1000)) == 1000

    def test_keys_do_not_know_each_other(self) -> None:
        limit = RateLimit(1)
        assert [limit.wait_ms(key, Millis(0)) for key in "aba"] == [0, 0, 60_000]

    def test_a_clock_that_jumps_back_gives_nothing_away(self) -> None:
        limit = RateLimit(1)
        assert limit.wait_ms("a", Millis(1_000_000)) == 0
        assert limit.wait_ms("a", Millis(0)) == 60_000

    def test_addresses_that_were_quiet_for_a_minute_are_forgotten(self) -> None:
        limit = RateLimit(1)
        for number in range(1000):
            assert limit.wait_ms(f"early {number}", Millis(number)) == 0
        assert limit.remembered == 1000
        for number in range(1000):
            limit.wait_ms(f"late {number % 10}", Millis(61_000))
        assert limit.remembered == 10
        assert limit.wait_ms("late 1", Millis(61_000)) == 60_000

    def test_however_many_come_at_once_few_are_remembered(self) -> None:
        limit = RateLimit(1, most=100)
        for number in range(5000):
            assert limit.wait_ms(f"a{number}", Millis(0)) == 0
            assert limit.wait_ms("steady", Millis(0)) == (60_000 if number else 0)
        assert limit.remembered == 100

    @given(
        st.integers(1, 5),
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 90_000)), max_size=80),
    )
    def test_what_is_forgotten_is_let_in_as_if_it_were_remembered(
        self, rate: int, requests: list[tuple[str, int]]
    ) -> None:
        shared, now = RateLimit(rate), 0
        alone = {key: RateLimit(rate) for key in "abc"}
        for key, gap in requests:
            now += gap
            assert shared.wait_ms(key, Millis(now)) == alone[key].wait_ms(key, Millis(now))

    @given(st.integers(1, 500), st.lists(st.integers(0, 5_000), max_size=200))
    def test_no_window_sees_more_than_the_burst_and_the_refill(
        self, rate: int, gaps: list[int]
    ) -> None:
        limit, now, passed = RateLimit(rate), 0, 0
        for gap in gaps:
            now += gap
            if limit.wait_ms("a", Millis(now)) == 0:
                passed += 1
        assert passed <= rate + now * rate / 60_000 + 1e-6

    @given(st.integers(1, 500), st.integers(0, 10**12))
    def test_a_client_that_waits_as_requested_is_let_in(self, rate: int, start: int) -> None:
        limit = RateLimit(rate)
        for _ in range(rate):
            assert limit.wait_ms("a", Millis(start)) == 0
        wait = limit.wait_ms("a", Millis(start))
        assert wait > 0
        assert limit.wait_ms("a", Millis(start + wait + 1)) == 0


def _run(
    parts: list[Message], headers: list[tuple[bytes, bytes]], limit: int = 5
) -> tuple[list[bytes], list[Message]]:
    bodies: list[bytes] = []
    sent: list[Message] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        message = await receive()
        assert not message["more_body"]
        bodies.append(message["body"])
        bodies.append((await receive())["type"].encode())

    source = [*parts, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return source.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(BodyLimit(app, limit)({"type": "http", "headers": headers}, receive, send))
    return bodies, sent


class TestBodyLimit:
    """The application gets only complete bodies."""

    @pytest.mark.parametrize("pieces", [[b""], [b"12345"], [b"1", b"", b"2345"]])
    def test_it_gets_the_whole_body_at_once_and_then_hears_of_the_end(
        self, pieces: list[bytes]
    ) -> None:
        parts: list[Message] = [
            {"type": "http.request", "body": p, "more_body": True} for p in pieces
        ]
        parts[-1]["more_body"] = False
        assert _run(parts, []) == ([b"".join(pieces), b"http.disconnect"], [])

    @pytest.mark.parametrize(
        ("parts", "headers"),
        [
            ([], [(b"content-length", b"6")]),
            ([{"type": "http.request", "body": b"123456", "more_body": False}], []),
            (
                [{"type": "http.request", "body": b"123", "more_body": True}] * 2,
                [(b"content-length", b"3")],
            ),
        ],
    )
    def test_a_longer_one_never_reaches_it(
        self, parts: list[Message], headers: list[tuple[bytes, bytes]]
    ) -> None:
        bodies, sent = _run(parts, headers)
        assert bodies == []
        assert [m.get("status") for m in sent] == [413, None]

    def test_a_client_that_goes_away_does_not_reach_the_application(self) -> None:
        assert _run([{"type": "http.request", "body": b"1", "more_body": True}], []) == ([], [])

    def test_other_kinds_of_scopes_pass(self) -> None:
        seen: list[str] = []

        async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
            seen.append(scope["type"])

        async def never() -> Message:
            raise AssertionError

        async def nothing(_message: Message) -> None:
            raise AssertionError

        asyncio.run(BodyLimit(app, 1)({"type": "lifespan"}, never, nothing))
        assert seen == ["lifespan"]
