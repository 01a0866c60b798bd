"""Clients behind a proxy of HTTP: which part of `X-Forwarded-For` counts."""

import asyncio

import pytest

from gromit.web.gateway.forwarded import ForwardedClient
from gromit.web.server.limits import Message, Receive, Scope, Send
from gromit.web.server.proxies import Networks

PROXIES = Networks(["10.0.0.0/24", "2001:db8:1::/64"])
PROXY, OTHER = "10.0.0.7", "192.0.2.7"


def _client(peer: str | None, *headers: str) -> str | None:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def unused() -> Message:
        raise AssertionError

    async def ignore(_message: Message) -> None:
        raise AssertionError

    scope: Scope = {
        "type": "http",
        "client": peer and (peer, 1),
        "headers": [(b"x-forwarded-for", text.encode("latin-1")) for text in headers],
    }
    asyncio.run(ForwardedClient(app, PROXIES)(scope, unused, ignore))
    return seen[0]["client"] and str(seen[0]["client"][0])


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        (PROXY, ("203.0.113.9",), "203.0.113.9"),
        (PROXY, ("1.2.3.4, 203.0.113.9",), "203.0.113.9"),
        (PROXY, ("1.2.3.4", "203.0.113.9"), "203.0.113.9"),
        (PROXY, ("1.2.3.4, 203.0.113.9, 10.0.0.8",), "203.0.113.9"),
        (PROXY, ("2001:db8::9,2001:db8:1::1",), "2001:db8::9"),
        (PROXY, ("10.0.0.9, 10.0.0.8",), "10.0.0.9"),
        (PROXY, ("nonsense, 10.0.0.8",), "10.0.0.8"),
        (PROXY, ("nonsense",), PROXY),
        (PROXY, ("", "\xff\x00"), PROXY),
        (PROXY, (), PROXY),
        (OTHER, ("203.0.113.9",), OTHER),
        (OTHER, ("10.0.0.7",), OTHER),
        (None, ("203.0.113.9",), None),
    ],
)
def test_only_what_a_trusted_proxy_appended_is_believed(
    peer: str | None, headers: tuple[str, ...], client: str | None
) -> None:
    assert _client(peer, *headers) == client
