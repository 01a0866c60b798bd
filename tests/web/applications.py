"""Small ASGI applications to serve in tests."""

import asyncio
import json

from gromit.web.server.gate import peer_certificate
from gromit.web.server.limits import Receive, Scope, Send


async def answer(send: Send, status: int, body: bytes) -> None:
    """Answer in plain text."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the request and its peer as JSON."""
    assert scope["type"] == "http"
    message = await receive()
    peer = peer_certificate(scope)
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "length": len(message["body"]),
        "more": message["more_body"],
        "peer": peer and {"name": peer.name, "role": peer.role, "serial": peer.serial},
    }
    await answer(send, 200, json.dumps(seen).encode())


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Send without end, until the client is gone."""
    assert scope["type"] == "http"
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    gone = asyncio.ensure_future(receive())
    while not gone.done():
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await asyncio.sleep(0)
