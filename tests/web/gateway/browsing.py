"""A browser for logins: it keeps cookies by their rules, and says who asks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.fakes.provider import COMMAND, GATEWAY, SECRET, Provider
from tests.waiting import PATIENCE_S
from tests.web.fronting import Front, fronting
from tests.web.serving import Clock, Serve

URL = "https://gateway.example.com"
"""Public URL of the gateway: in front of it, something terminates TLS."""
KEY = "k" * 40


@dataclass(slots=True)
class Browser:
    """Follows redirects between the gateway and the provider."""

    front: Front
    cookies: dict[str, Morsel[str]] = field(default_factory=dict)
    visited: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """Headers that the browser sends with each request to the gateway."""
    elsewhere: httpx2.Cookies = field(default_factory=httpx2.Cookies)
    """Cookies of the provider."""

    def get(self, url: str, *, follow: bool = True) -> httpx2.Response:
        """Open an address, and go on to where the answer sends the browser."""
        answer = self._send("GET", url)
        while follow and answer.is_redirect:
            location = answer.headers["location"]
            if location.startswith("/") and not self.visited[-1].startswith(("/", URL)):
                location = str(answer.url.join(location))
            answer = self._send("GET", location)
        return answer

    def send(
        self, method: str, path: str, body: Any = None, *, origin: str | None = URL, **headers: str
    ) -> httpx2.Response:
        """Send a request of a page whose address begins with `origin`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if origin is not None:
            named["origin"] = origin
        return self._send(method, path, body, named)

    def login(self, path: str = "/logout") -> httpx2.Response:
        """Log in, and go on to a path."""
        return self.get(f"/login?next={path}")

    @property
    def csrf(self) -> str:
        """The proof that the gateway's page sends with a change."""
        page = self._send("GET", "/logout").text
        return page.partition('name="csrf" value="')[2].partition('"')[0]

    @property
    def session(self) -> str | None:
        found = self.cookies.get("__Host-gromit-session")
        return None if found is None else found.value

    def _send(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        self.visited.append(url)
        is_ours = url.startswith(("/", URL))
        sent = {**self.headers, **(headers or {})} if is_ours else {}
        if is_ours:
            url = self.front.url + url.removeprefix(URL)
            if self.cookies:
                sent["cookie"] = "; ".join(f"{m.key}={m.value}" for m in self.cookies.values())
        jar = None if is_ours else self.elsewhere
        with httpx2.Client(trust_env=False, timeout=PATIENCE_S, cookies=jar) as http:
            more = {"content": body} if isinstance(body, bytes) else {"json": body}
            answer = http.request(method, url, headers=sent, **(more if body is not None else {}))
            if not is_ours:
                self.elsewhere.update(http.cookies)
        if is_ours:
            self._keep(answer)
        return answer

    def _keep(self, answer: httpx2.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            (morsel,) = SimpleCookie(line).values()
            if morsel.key.startswith("__Host-"):
                assert morsel["secure"], line
                assert (morsel["path"], morsel["domain"]) == ("/", ""), line
            assert morsel["httponly"], line
            assert morsel["samesite"] == "lax", line
            if morsel["max-age"] == "0":
                self.cookies.pop(morsel.key, None)
            else:
                self.cookies[morsel.key] = morsel


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway with logins, its provider and the serve behind it."""

    front: Front
    provider: Provider
    serve: Serve
    clock: Clock

    def browser(self) -> Browser:
        return Browser(self.front)

    def token(self, **person: Any) -> str:
        """A token of the command line for a person."""
        self.provider.person = {**self.provider.person, **person}
        answer = self.exchange(self.provider.id_token(COMMAND))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def exchange(self, id_token: str, **more: Any) -> httpx2.Response:
        return self.front.http.post("/login/token", json={"id_token": id_token, **more})

    def call(self, token: str, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}", **more.pop("headers", {})}
        return self.front.http.request(method, path, headers=headers, **more)


def login_variables(provider: Provider, **more: str) -> dict[str, str]:
    """The settings of a gateway that lets people of the provider log in."""
    return {
        "GROMIT_GATEWAY_URL": URL,
        "GROMIT_GATEWAY_LOGIN_ISSUER": provider.url,
        "GROMIT_GATEWAY_LOGIN_CLIENT_ID": GATEWAY,
        "GROMIT_GATEWAY_LOGIN_CLIENT_SECRET": SECRET,
        "GROMIT_GATEWAY_LOGIN_COMMAND_CLIENT_ID": COMMAND,
        "GROMIT_GATEWAY_LOGIN_KEYS": KEY,
        "GROMIT_GATEWAY_LOGIN_VIEWERS": "email=*@example.com",
        "GROMIT_GATEWAY_LOGIN_DEVELOPERS": "groups=developers",
        "GROMIT_GATEWAY_LOGIN_OPERATORS": "groups=platform",
        "GROMIT_GATEWAY_LOGIN_REPOSITORIES": "groups=gateway-team:tyk",
        **more,
    }


@contextmanager
def opened(serve: Serve, folder: Path, provider: Provider, **more: str) -> Iterator[Door]:
    """Run a gateway with logins before a serve. Its clock is the provider's, too."""
    clock = Clock()
    provider.clock = lambda: clock.now / 1000
    variables = login_variables(provider, **more)
    with fronting(serve, folder, variables, clock=clock) as front:
        yield Door(front, provider, serve, clock)


def path_of(url: str) -> str:
    """The path of an address, with its query."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
