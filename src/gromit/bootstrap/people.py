"""Logins of people at the gateway."""

from collections.abc import Callable, Mapping

from starlette.routing import BaseRoute

from gromit.bootstrap.machine import require_setting
from gromit.config.login import LoginSettings
from gromit.config.schema import Settings
from gromit.core.security.logins import LoginRules, login_rules
from gromit.core.time import Millis
from gromit.web.gateway.change_relay import ChangeRelay
from gromit.web.gateway.door import AsyncHandler, PeopleDoor
from gromit.web.gateway.issuer import issuer_client
from gromit.web.gateway.login import CommandClient, LoginDeps, login_routes
from gromit.web.gateway.page_backend import LoginBackend
from gromit.web.gateway.people import LoginTerms, People
from gromit.web.gateway.people_api import PeopleApi
from gromit.web.gateway.provider import LoginProvider, ProviderClient
from gromit.web.gateway.sessions import SessionBook, SessionSigner, rules_scope
from gromit.web.gateway.upstream import Upstream
from gromit.web.page.app import PageApp
from gromit.web.page.backend import PageDeps
from gromit.web.server.limits import RateLimit

ATTEMPTS_PER_MINUTE = 60
"""Logins that one address, which may be an office, may begin or end."""


def people_door(settings: Settings, upstream: Upstream, now_ms: Callable[[], Millis]) -> PeopleDoor:
    """Build the routes for people from `gateway.login`, which has an issuer."""
    login = settings.gateway.login
    url = require_setting(settings.gateway.url, "gateway.url")
    terms = LoginTerms(url=url, session=login.session, token=login.token)
    rules = _rules(login)
    signer = SessionSigner(login.signing_keys, _scope(settings), now_ms)
    people = People(terms, signer, SessionBook(signer, rules), RateLimit(login.rate), now_ms)
    provider = _provider(login, now_ms)
    relay = ChangeRelay(upstream, now_ms)
    deps = LoginDeps(
        provider=provider,
        rules=rules,
        people=people,
        signer=signer,
        command=CommandClient(login.command_client, login.command_scopes),
        attempts=RateLimit(ATTEMPTS_PER_MINUTE),
        now_ms=now_ms,
    )
    api = PeopleApi(people, upstream, relay)

    page = PageApp(PageDeps(LoginBackend(people, upstream), now_ms, "/login", "/logout", url))

    def routes(others: Mapping[str, AsyncHandler]) -> list[BaseRoute]:
        return [*login_routes(deps), *api.routes(others), *page.routes()]

    def stop() -> None:
        relay.stop()
        page.stop()

    async def close() -> None:
        await page.close()
        await provider.close()

    return PeopleDoor(routes, stop, close)


def _provider(login: LoginSettings, now_ms: Callable[[], Millis]) -> LoginProvider:
    secret = login.client_secret
    client = ProviderClient(
        require_setting(login.client_id, "gateway.login.client_id"),
        None if secret is None else secret.get_secret_value(),
        login.scopes,
    )
    issuer = require_setting(login.issuer, "gateway.login.issuer")
    return LoginProvider(issuer_client(), issuer, client, now_ms)


def _rules(login: LoginSettings) -> LoginRules:
    return login_rules(
        viewers=login.viewers,
        developers=login.developers,
        operators=login.operators,
        repositories=login.repositories,
        repositories_claim=login.repositories_claim,
        name_claim=login.name_claim,
        denied=login.denied,
    )


def _scope(settings: Settings) -> str:
    """Return a digest of the rules that a session's role comes from."""
    login = settings.gateway.login
    return rules_scope(
        settings.gateway.url,
        login.issuer,
        login.viewers,
        login.developers,
        login.operators,
        login.repositories,
        login.repositories_claim,
        login.name_claim,
    )
