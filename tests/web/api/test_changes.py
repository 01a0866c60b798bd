"""Announcements, and the stream of server-sent events that carries them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from gromit.core.environments.wakes import Watcher
from gromit.core.security.roles import Role
from gromit.errors import TooMany
from gromit.web.api.changes import PEER_LIMITS, ChangeHub, StreamLimits, StreamOwner
from gromit.web.line_backlog import BACKLOG, MISSED
from tests.waiting import PATIENCE_S
from tests.web.serving import Certificates, Emulator, Serve, eventually, serving


async def _next(lines: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(lines), PATIENCE_S)


async def _ended(lines: AsyncIterator[str]) -> bool:
    with pytest.raises(StopAsyncIteration):
        await _next(lines)
    return True


# ── announcements alone ───────────────────────────────────────────────────────────────────────────


def test_every_watcher_hears_every_announcement_in_order() -> None:
    async def scene() -> list[list[str]]:
        changes = ChangeHub()
        streams = [changes.stream() for _ in range(3)]
        for stream in streams:
            assert await _next(stream) == ": connected\n\n"
        await asyncio.to_thread(changes.announce, "app-test", "build")
        changes.announce("other", "sown")
        return [[await _next(stream), await _next(stream)] for stream in streams]

    expected = [
        'data: {"name": "app-test", "kind": "build"}\n\n',
        'data: {"name": "other", "kind": "sown"}\n\n',
    ]
    assert asyncio.run(scene()) == [expected] * 3


def test_an_announcement_names_the_watchers_that_it_makes_work_for() -> None:
    async def scene() -> list[str]:
        changes = ChangeHub()
        stream = changes.stream()
        await _next(stream)
        changes.announce("app-test", "build", wakes={Watcher.SOW, Watcher.CHITRAGUPTA})
        changes.announce("app-test", "claimed", wakes=())
        return [await _next(stream), await _next(stream)]

    lines = [json.loads(line.removeprefix("data: ")) for line in asyncio.run(scene())]
    assert [line["wakes"] for line in lines] == [["chitragupta", "sow"], []]


def test_what_was_announced_before_is_not_heard() -> None:
    async def scene() -> str:
        changes = ChangeHub()
        changes.announce("early", "build")
        stream = changes.stream()
        await _next(stream)
        changes.announce("late", "build")
        return await _next(stream)

    assert "late" in asyncio.run(scene())


def test_progress_reaches_only_streams_that_asked_for_it() -> None:
    async def scene() -> list[list[str]]:
        changes = ChangeHub()
        streams = [changes.stream(progress=p) for p in (None, "app-test", "*", "other")]
        for stream in streams:
            await _next(stream)
        changes.announce("app-test", "progress", "a: created (1s) [1/2]")
        changes.announce("app-test", "sown")
        heard: list[list[str]] = []
        for stream in streams:
            kinds: list[str] = []
            while "sown" not in kinds:
                kinds.append(json.loads((await _next(stream)).removeprefix("data: "))["kind"])
            heard.append(kinds)
        return heard

    progress = ["progress", "sown"]
    assert asyncio.run(scene()) == [["sown"], progress, progress, ["sown"]]


def test_a_name_cannot_break_out_of_its_event() -> None:
    async def scene() -> str:
        changes = ChangeHub()
        stream = changes.stream()
        await _next(stream)
        changes.announce('x"\n\ndata: {"name": "forged"}', "build")
        return await _next(stream)

    line = asyncio.run(scene())
    assert line.count("\n") == 2
    assert json.loads(line.removeprefix("data: "))["name"].startswith("x")


def test_a_slow_watcher_keeps_what_fits_and_hears_that_it_missed_the_rest() -> None:
    async def scene() -> list[str]:
        changes = ChangeHub()
        slow = changes.stream()
        await _next(slow)
        for number in range(BACKLOG + 50):
            changes.announce(f"env-{number}", "build")
        await asyncio.sleep(0)
        heard = [await _next(slow) for _ in range(BACKLOG)]
        changes.announce("later", "build")
        return [*heard, await _next(slow), await _next(slow)]

    *kept, missed, later = asyncio.run(scene())
    names = [json.loads(line.removeprefix("data: "))["name"] for line in kept]
    assert names == [f"env-{number}" for number in range(BACKLOG)]
    # One of those that it missed may have been the only one that makes work for it.
    assert missed == MISSED
    assert "later" in later


def test_a_slow_watcher_is_ended_by_closing() -> None:
    async def scene() -> bool:
        changes = ChangeHub()
        slow = changes.stream()
        await _next(slow)
        for number in range(BACKLOG + 50):
            changes.announce(f"env-{number}", "build")
        changes.close()
        return await _ended(slow)

    assert asyncio.run(scene())


def test_closing_ends_every_stream_and_those_that_come_later() -> None:
    async def scene() -> bool:
        changes = ChangeHub()
        stream = changes.stream()
        await _next(stream)
        changes.close()
        late = changes.stream()
        await _next(late)
        return await _ended(stream) and await _ended(late)

    assert asyncio.run(scene())


def test_a_watcher_whose_loop_has_ended_is_forgotten() -> None:
    changes = ChangeHub()

    async def scene() -> None:
        stream = changes.stream()
        await _next(stream)

    asyncio.run(scene())
    changes.announce("app-test", "build")
    assert not changes._watchers


LIMITS = StreamLimits(holder=2, address=3, total=4)
ALICE, BOB = StreamOwner("certificate a1", "192.0.2.1"), StreamOwner("certificate b2", "192.0.2.1")
CARL, DORA = StreamOwner("developer:carl", "192.0.2.3"), StreamOwner("viewer:dora", "2001:db8::1")


@pytest.mark.parametrize(
    ("open_ones", "refused", "message"),
    [
        ([ALICE, ALICE], ALICE, "certificate a1 has 2 streams"),
        ([ALICE, ALICE, BOB], BOB, "192.0.2.1 has 3 streams"),
        ([ALICE, BOB, CARL, CARL], DORA, "all people together has 4 streams"),
    ],
)
def test_people_have_a_share_of_streams_and_the_control_plane_has_none(
    open_ones: list[StreamOwner], refused: StreamOwner, message: str
) -> None:
    async def scene() -> None:
        changes = ChangeHub(LIMITS)
        streams = [changes.stream(owner) for owner in open_ones]
        for stream in streams:
            await _next(stream)
        with pytest.raises(TooMany, match=message):
            changes.check_share(refused)
        assert await _ended(changes.stream(refused))
        for _ in range(10):
            changes.check_share(None)
            await _next(changes.stream())
        await streams[-1].aclose()  # type: ignore[attr-defined] # it is a generator
        changes.check_share(refused)

    asyncio.run(scene())


def test_streams_of_people_keep_no_process_of_serve_out() -> None:
    async def scene() -> None:
        changes = ChangeHub(LIMITS)
        people = [changes.stream(owner) for owner in (ALICE, ALICE, CARL, CARL)]
        for stream in people:
            await _next(stream)
        addresses = [f"10.91.40.{number}" for number in range(PEER_LIMITS.total)]
        peers = [StreamOwner("certificate c3", address) for address in addresses]
        streams = [changes.stream(peer, is_peer=True) for peer in peers]
        for peer, stream in zip(peers, streams, strict=True):
            changes.check_share(peer, is_peer=True)
            await _next(stream)
        with pytest.raises(TooMany, match="certificate c3 has 16 streams"):
            changes.check_share(peers[0], is_peer=True)
        with pytest.raises(TooMany, match="all processes of serve has 16 streams"):
            changes.check_share(DORA, is_peer=True)

    asyncio.run(scene())


# ── over TLS ──────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _watching(
    serve: Serve, role: Role = Role.VIEWER, path: str = "/v1/changes"
) -> Iterator[Iterator[str]]:
    with (
        httpx2.Client(
            base_url=serve.url, verify=serve.context(role), timeout=PATIENCE_S, trust_env=False
        ) as client,
        client.stream("GET", path) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        yield (line.removeprefix("data: ") for line in lines if line.startswith("data: "))


def test_progress_is_streamed_to_who_follows_it(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    step = {"text": "a: created (1s)", "done": 1, "total": 2}
    with _watching(serve) as others, _watching(serve, path="/v1/changes?progress=*") as events:
        serve.outcome(claim, "renew", progress=step)
        serve.outcome(claim, "renew")
        serve.outcome(claim, "release")
        assert json.loads(next(events)) == {
            "name": "app-test",
            "kind": "progress",
            "text": "a: created (1s) [1/2]",
            "wakes": [],
        }
        for stream in (events, others):
            assert json.loads(next(stream))["kind"] == "released"


def test_each_change_is_announced_at_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else ends the wait, because the next heartbeat comes in an hour."""
    monkeypatch.setattr("gromit.web.api.changes.HEARTBEAT_S", 3600.0)
    with _watching(serve) as events:
        serve.build("tyk", "app-test", "sha-1")
        assert json.loads(next(events)) == {
            "name": "app-test",
            "kind": "created",
            "wakes": ["chitragupta", "sow"],
        }
        serve.build("tyk", "app-test", "sha-2")
        claim = serve.claim("sow")
        serve.outcome(claim, "fail")
        serve.build("tyk", "app-test", "sha-2")
        serve.work_off("sow")
        serve.send("PATCH", "/env/app-test", {"tyk": "sha-3"})
        serve.send("PUT", "/env/app-test", {"tyk": "sha-4"})
        serve.send("POST", "/v1/environments/app-test/redeploy", {})
        serve.send("POST", "/v1/environments/app-test/protect", {})
        serve.send("POST", "/v1/environments/app-test/unprotect", {})
        serve.outcome(serve.claim("sow"), "release")
        serve.send(
            "DELETE", "/env/app-test", who=Role.GATEWAY, headers={"X-Gromit-Repository": "tyk"}
        )
        heard = [json.loads(next(events))["kind"] for _ in range(13)]
    assert heard == [
        "build", "claimed", "failed", "retry", "claimed", "sown", "changed",
        "replaced", "redeploy", "protected", "unprotected", "claimed", "released",
    ]  # fmt: skip


def test_what_changes_nothing_is_not_announced(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    with _watching(serve) as events:
        serve.build("tyk", "app-test", "sha")
        serve.send("PATCH", "/env/nowhere", {"tyk": "sha"})
        serve.send("POST", "/v1/claims", {"kind": "reap", "holder": "w", "nonce": "n"}, Role.WORKER)
        serve.send("DELETE", "/env/app-test")
        assert json.loads(next(events)) == {
            "name": "app-test",
            "kind": "deleted",
            "wakes": ["chitragupta", "reap"],
        }


def test_a_watcher_that_goes_away_is_forgotten(serve: Serve) -> None:
    watchers = serve.app.state.deps.changes._watchers
    eventually(lambda: not watchers)
    with _watching(serve):
        assert len(watchers) == 1
    eventually(lambda: not watchers)


def test_streams_end_promptly_when_serve_stops(
    emulator: Emulator, certificates: Certificates
) -> None:
    """A stream that is cut at the end of the grace breaks instead."""
    ended: list[bool] = []
    with serving(emulator, certificates) as serve, _watching(serve) as events:
        reader = threading.Thread(target=lambda: ended.append(list(events) == []))
        reader.start()
        serve.server.stop()
        reader.join(PATIENCE_S)
        assert ended == [True]


def test_a_stream_ends_with_its_certificate(serve: Serve, certificates: Certificates) -> None:
    identity, serial = certificates.issue(Role.VIEWER)
    with (
        httpx2.Client(
            base_url=serve.url, verify=serve.context(identity), timeout=PATIENCE_S, trust_env=False
        ) as client,
        client.stream("GET", "/v1/changes") as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        certificates.pki.revoke(serial)
        with pytest.raises(httpx2.TransportError):
            list(lines)
