"""The simulated Tyk identity broker."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from gromit.local.aws.simulated.messages import HttpAnswer, HttpRequest
from gromit.local.aws.simulated.program import ProgramContext, SimulatedProgram
from gromit.local.aws.simulated.settings import SettingKey

_PROFILES = "/api/profiles"
_PEERS = (
    ("GatewayConfig", "/tyk/apis", "x-tyk-authorization"),
    ("DashboardConfig", "/admin/organisations", "admin-auth"),
)
"""Sections of its peers, each with what the peer is asked and the header of the secret."""


class Broker(SimulatedProgram):
    """Keeps profiles, and takes requests by its secret."""

    prefix = "TYK_IB_"
    keys: ClassVar[Mapping[SettingKey, str | None]] = {
        ("Secret",): None,
        ("TykAPISettings", "GatewayConfig", "Endpoint"): None,
        ("TykAPISettings", "GatewayConfig", "Port"): None,
        ("TykAPISettings", "GatewayConfig", "AdminSecret"): None,
        ("TykAPISettings", "DashboardConfig", "AdminSecret"): None,
        ("TykAPISettings", "DashboardConfig", "Endpoint"): None,
        ("TykAPISettings", "DashboardConfig", "Port"): None,
    }

    def __init__(self, context: ProgramContext) -> None:
        super().__init__(context)
        self._profiles: dict[str, Any] = {}

    def start(self) -> None:
        """Warn about missing secrets, without which it starts all the same."""
        if not self.settings.text("Secret"):
            self.context.say("warning: no secret is set: the API obeys any client")
        if not self.context.variables.get("TYK_IB_SESSION_SECRET"):
            self.context.say(
                "warning: TYK_IB_SESSION_SECRET is not set:"
                " logins through social providers will fail"
            )

    def work(self) -> None:
        """Show its secrets to the dashboard and to the gateway."""
        for peer, path, header in _PEERS:
            secret = self.settings.text("TykAPISettings", peer, "AdminSecret")
            self.show_key(f"TykAPISettings.{peer}.Endpoint", path, header, secret)

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """Answer requests for profiles."""
        if request.path == "/health":
            return HttpAnswer(200, {"status": "ok"})
        path, _, name = request.path.rstrip("/").removeprefix(_PROFILES).partition("/")
        if path or not request.path.startswith(_PROFILES):
            return None
        # An empty secret equals an absent header, as in the real broker.
        if request.headers.get("authorization", "") != self.settings.text("Secret"):
            return HttpAnswer(401, {"Status": "error", "Error": "Not authorised"})
        if request.method == "GET":
            return self._get(name)
        return self._add(name, request.body)

    def _get(self, name: str) -> HttpAnswer:
        if not name:
            return HttpAnswer(200, {"Status": "ok", "Data": list(self._profiles.values())})
        if name not in self._profiles:
            return HttpAnswer(404, {"Status": "error", "Error": "Profile not found"})
        return HttpAnswer(200, {"Status": "ok", "ID": name, "Data": self._profiles[name]})

    def _add(self, name: str, body: bytes) -> HttpAnswer:
        try:
            self._profiles[name] = json.loads(body)
        except ValueError:
            return HttpAnswer(400, {"Status": "error", "Error": "not JSON"})
        return HttpAnswer(201, {"Status": "ok", "ID": name})
