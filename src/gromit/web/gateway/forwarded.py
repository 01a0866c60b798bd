"""Addresses of clients behind a proxy of HTTP: the header `X-Forwarded-For`.

Each proxy appends the address of its client. So the last address that is no trusted proxy's is the
client's, and what precedes it is what the client claims.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from gromit.web.server.limits import App, Receive, Scope, Send
from gromit.web.server.proxies import Networks


class ForwardedClient:
    """Gives requests that come through `proxies` to `app` with the address of their client."""

    def __init__(self, app: App, proxies: Networks) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["client"] and scope["client"][0] in self._proxies:
            client = self._client(scope)
            if client is not None:
                scope = {**scope, "client": (client, 0)}
        await self._app(scope, receive, send)

    def _client(self, scope: Scope) -> str | None:
        found = None
        for text in _hops(scope):
            try:
                found = str(ip_address(text))
            except ValueError:
                return found  # from here on the client claims something
            if found not in self._proxies:
                return found
        return found


def _hops(scope: Scope) -> Iterator[str]:
    """Yield the addresses in the header, the newest first."""
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    for value in reversed(values):
        for text in reversed(value.decode("latin-1").split(",")):
            yield text.strip()
