"""Proxy on loopback that makes the public names of a local cloud work in a browser.

Browsers take each name below `localhost` for this machine, so `tyk.app-test.localhost` needs
neither root nor settings. The proxy looks the public name up as the DNS server does, and forwards
each request to the address of its task, with the public name as its host.
"""

import asyncio
import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import structlog

from gromit.core.names import normalize_dns_name
from gromit.local.aws.dns_server import RecordSource, follow_name

BELOW = ".localhost"
"""End of the names that browsers take for this machine."""
_HEAD_BYTES = 64 * 1024
"""Largest head of a request or an answer that is read."""
_CONNECT_S = 10.0
_CHUNK = 64 * 1024
_END = b"\r\n\r\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProxyTarget:
    """Public name of a component, and the address of its task."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class ProxyRefusal:
    """Answer of the proxy itself."""

    status: str
    text: str

    def answer(self) -> bytes:
        """Return the answer as it goes to the browser."""
        body = f"{self.text}\n".encode()
        head = (
            f"HTTP/1.1 {self.status}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        return "\r\n".join(head).encode() + _END + body


class NameProxy:
    """The proxy, which runs in a thread of its own."""

    def __init__(
        self,
        names: RecordSource,
        domain: str,
        ports: Mapping[str, int],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """`ports` are the public ports of components."""
        self._names, self._domain, self._ports = names, domain, ports
        self._socket = socket.create_server((host, port))
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="names", daemon=True)

    def start(self) -> Self:
        """Start forwarding."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop forwarding, and close all connections."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._socket, limit=_HEAD_BYTES)
        await self._stopping.wait()
        server.close()

    async def _serve(self, browser: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            await self._forward(browser, back)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one of both has gone, or does not speak HTTP
        except Exception:  # a request must not end the proxy
            log.exception("name_proxy.failed")
        finally:
            back.close()

    async def _forward(self, browser: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        head = (await browser.readuntil(_END)).decode("latin-1")
        found = self.find(_host(head))
        if isinstance(found, ProxyRefusal):
            back.write(found.answer())
            await back.drain()
            return
        try:
            opening = asyncio.open_connection(found.address, found.port, limit=_HEAD_BYTES)
            task, ahead = await asyncio.wait_for(opening, _CONNECT_S)
        except OSError as error:
            why = error.strerror or "it takes too long"
            text = f"{found.name} at {found.address}:{found.port} does not answer: {why}"
            back.write(ProxyRefusal("502 Bad Gateway", text).answer())
            await back.drain()
            return
        try:
            ahead.write(_request_head(head, found).encode("latin-1"))
            sending = asyncio.create_task(_copy(browser, ahead))
            answer = (await task.readuntil(_END)).decode("latin-1")
            while _is_interim(answer):
                back.write(answer.encode("latin-1"))
                answer = (await task.readuntil(_END)).decode("latin-1")
            back.write(self.answer_head(answer).encode("latin-1"))
            await _copy(task, back)
            sending.cancel()
        finally:
            ahead.close()

    def find(self, host: str) -> ProxyTarget | ProxyRefusal:
        """Return where a host below `localhost` leads to."""
        asked = normalize_dns_name(host.partition(":")[0])
        label = asked.removesuffix(BELOW)
        name, port = f"{label}.{self._domain}", self._ports.get(label.partition(".")[0])
        if port is None or label == asked or label.count(".") != 1:
            known = ", ".join(sorted(self._ports)) or "none"
            text = f"{host} is not COMPONENT.ENVIRONMENT{BELOW}; public components are: {known}"
            return ProxyRefusal("404 Not Found", text)
        records = follow_name(self._names.record_sets(), name, "A")
        addresses = [value for record in records if record.type == "A" for value in record.values]
        if not addresses:
            text = f"{name} has no DNS record: see `gromit env get {label.partition('.')[2]}`"
            return ProxyRefusal("404 Not Found", text)
        return ProxyTarget(name, addresses[0], port)

    def answer_head(self, head: str) -> str:
        """Return the head of an answer as the browser gets it.

        Its redirects to public names lead to the proxy. It says that the connection ends with it,
        or the browser would send its next request on a connection that is about to close.
        """
        public = re.compile(
            rf"^(location: *)https?://([a-z0-9-]+\.[a-z0-9-]+)\.{re.escape(self._domain)}(:\d+)?",
            re.IGNORECASE | re.MULTILINE,
        )
        found = public.sub(rf"\1http://\2{BELOW}:{self.port}", head)
        if _changes_protocol(found):
            return found
        first, *headers = found.removesuffix("\r\n\r\n").split("\r\n")
        kept = [h for h in headers if not h.lower().startswith(("connection:", "keep-alive:"))]
        return "\r\n".join([first, "Connection: close", *kept]) + "\r\n\r\n"


def _host(head: str) -> str:
    hosts = re.findall(r"^host: *(\S+)", head, re.IGNORECASE | re.MULTILINE)
    return hosts[0] if len(hosts) == 1 else ""


def _status(head: str) -> str:
    """Return the status of an answer, or nothing if its head is no HTTP."""
    return head.partition("\r\n")[0].partition(" ")[2][:3]


def _changes_protocol(head: str) -> bool:
    return _status(head) == "101"


def _is_interim(head: str) -> bool:
    """Whether another head follows, as after `100 Continue`."""
    return _status(head).startswith("1") and not _changes_protocol(head)


def _request_head(head: str, target: ProxyTarget) -> str:
    """Return the head of a request as the task gets it.

    Its connection ends with the answer, because the next request may be for another task; but not
    if the protocol changes, as for a web socket.
    """
    first, *headers = head.removesuffix("\r\n\r\n").split("\r\n")
    changes = any(h.lower().startswith("upgrade:") for h in headers)
    dropped = ("host:",) if changes else ("host:", "connection:", "keep-alive:")
    kept = [h for h in headers if not h.lower().startswith(dropped)]
    own = [f"Host: {target.name}:{target.port}", *([] if changes else ["Connection: close"])]
    return "\r\n".join([first, *own, *kept]) + "\r\n\r\n"


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends."""
    with suppress(OSError):
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
