"""The redirect of a login to this machine: one port of 127.0.0.1, for one answer (RFC 8252)."""

import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gromit.errors import TrustError

PATH = "/callback"
WAIT_S = 300.0
"""Time that a person has to log in."""
_CLIENT_S = 5.0
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>gromit</title>'
    "<p>{}</p><p>You can close this window.</p>"
)


class LoopbackRedirect:
    """Listens on a free port until the browser comes back from the provider."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_port}{PATH}"

    def wait(self, state: str, within_s: float = WAIT_S) -> str:
        """Return the code of the login that `state` names.

        Requests that do not name it are not answered with anything of use, and change nothing.
        Raises `TrustError` if the provider refuses, or the person does not come in time.
        """
        deadline = time.monotonic() + within_s
        answers: list[dict[str, str]] = []
        self._server.RequestHandlerClass = _handler(state, answers)
        while not answers:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TrustError(
                    "no one has logged in in time",
                    hint="run `gromit login` again, or with --device if the browser is elsewhere",
                )
            self._server.timeout = left_s
            self._server.handle_request()
        answer = answers[0]
        if "code" not in answer:
            reason = answer.get("error_description") or answer.get("error", "without a reason")
            raise TrustError(f"the login provider refused the login: {reason[:200]}")
        return answer["code"]


@contextmanager
def loopback_redirect() -> Iterator[LoopbackRedirect]:
    """Listen during the block."""
    with HTTPServer(("127.0.0.1", 0), _handler("", [])) as server:
        yield LoopbackRedirect(server)


def _handler(state: str, answers: list[dict[str, str]]) -> type[BaseHTTPRequestHandler]:
    class RedirectHandler(BaseHTTPRequestHandler):
        timeout = _CLIENT_S

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            given = query.get("state", "").encode()
            if parts.path != PATH or not state or not hmac.compare_digest(state.encode(), given):
                self.send_error(404)
                return
            answers.append(query)
            done = "You are logged in." if "code" in query else "The login failed."
            body = _PAGE.format(done).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Write no line: the address contains the code."""

    return RedirectHandler
