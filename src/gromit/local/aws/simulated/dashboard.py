"""The simulated Tyk dashboard, and MDCB, which needs the same."""

import os
from collections.abc import Mapping
from typing import ClassVar

from gromit.local.aws.simulated.messages import HttpAnswer, HttpRequest
from gromit.local.aws.simulated.program import ProgramContext, ProgramDeath, SimulatedProgram
from gromit.local.aws.simulated.settings import SettingKey

_LISTS = {"/system/apis", "/system/policies"}
_REGISTER = {"/register/node", "/register/ping"}


class StoreUser(SimulatedProgram):
    """A program that does not start without a licence, Redis and Mongo."""

    licence = ""
    """SettingKey of its licence."""

    def __init__(self, context: ProgramContext) -> None:
        super().__init__(context)
        self.connected = False

    def start(self) -> None:
        """Refuse to start without a licence."""
        if not self.settings.text(self.licence):
            raise ProgramDeath(f"there is no licence: {self.licence} is empty")

    def work(self) -> None:
        """Connect to Redis and Mongo."""
        self.wait_for("redis", "Redis")
        self.wait_for("mongodb", "Mongo")
        self.connected = True
        self.context.say("connected to Redis and Mongo")

    def health(self) -> HttpAnswer:
        """Return the answer to a health check: whether both stores are there now."""
        problems = [*self.problems("redis"), *self.problems("mongodb")]
        if self.connected and not problems:
            return HttpAnswer(200, {"status": "pass"})
        return HttpAnswer(503, {"status": "fail", "problems": problems})


class Dashboard(StoreUser):
    """Registers gateways by the node secret, and takes admin requests by the admin secret."""

    prefix = "TYK_DB_"
    licence = "license_key"
    keys: ClassVar[Mapping[SettingKey, str | None]] = {
        ("license_key",): None,
        ("admin_secret",): None,
        ("shared_node_secret",): "TYK_DB_NODESECRET",
        ("tyk_api_config", "Host"): "TYK_DB_TYKAPI_HOST",
        ("tyk_api_config", "Port"): "TYK_DB_TYKAPI_PORT",
        ("tyk_api_config", "Secret"): "TYK_DB_TYKAPI_SECRET",
        ("mongo_url",): None,
        ("redis_host",): None,
        ("redis_port",): None,
        ("redis_addrs",): None,
        ("health_check_endpoint_name",): None,
    }

    def work(self) -> None:
        """Connect to Redis and Mongo, then to the gateway."""
        super().work()
        secret = self.settings.text("tyk_api_config", "Secret")
        self.show_key("tyk_api_config.Host", "/tyk/apis", "x-tyk-authorization", secret)

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """Answer health checks, gateways and administrators."""
        name = self.settings.text("health_check_endpoint_name") or "hello"
        if request.path == f"/{name}":
            return self.health()
        if request.path in _REGISTER | _LISTS:
            return self._node(request)
        if request.path.startswith("/admin/"):
            return self._admin(request)
        return None

    def _node(self, request: HttpRequest) -> HttpAnswer:
        if not self.connected:
            return HttpAnswer(503, {"Status": "Error", "Message": "not connected"})
        secret = self.settings.text("shared_node_secret")
        if not secret or request.headers.get("authorization") != secret:
            return HttpAnswer(403, {"Status": "Error", "Message": "wrong node secret"})
        nonce = os.urandom(8).hex()
        if request.path in _LISTS:
            return HttpAnswer(200, {"Status": "OK", "Message": [], "Nonce": nonce})
        node = {"NodeID": f"solo-{os.urandom(8).hex()}"}
        return HttpAnswer(200, {"Status": "OK", "Message": node, "Nonce": nonce})

    def _admin(self, request: HttpRequest) -> HttpAnswer:
        secret = self.settings.text("admin_secret")
        if not secret or request.headers.get("admin-auth") != secret:
            return HttpAnswer(403, {"Status": "Error", "Message": "not authorised"})
        return HttpAnswer(200, {"Status": "OK", "Message": "simulated"})


class Sink(StoreUser):
    """MDCB; its health is on a port of its own."""

    prefix = "TYK_MDCB_"
    licence = "license"
    keys: ClassVar[Mapping[SettingKey, str | None]] = {
        ("license",): None,
        ("storage", "host"): None,
        ("storage", "port"): None,
        ("storage", "addrs"): None,
        ("analytics", "mongo_url"): "TYK_MDCB_ANALYTICSCONFIG_MONGOURL",
        ("http_port",): None,
        ("healthcheck_port",): None,
    }

    def other_port(self) -> int | None:
        """Return the port of its health."""
        old = self.settings.number("healthcheck_port", default=8181)
        return self.settings.number("http_port", default=old)

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """Answer health checks."""
        return self.health() if request.path == "/health" else None
