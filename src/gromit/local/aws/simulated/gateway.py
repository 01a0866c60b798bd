"""The simulated Tyk gateway."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from gromit.local.aws.simulated.messages import HttpAnswer, HttpRequest, ask
from gromit.local.aws.simulated.program import ProgramContext, ProgramDeath, SimulatedProgram
from gromit.local.aws.simulated.settings import Endpoint, SettingKey

_SAMPLES = tuple(
    {
        "name": f"sample {number}",
        "use_keyless": True,
        "proxy": {"listen_path": f"/sample-{number}/", "target_url": "a public echo site"},
    }
    for number in range(1, 6)
)
"""APIs that the image brings, for a gateway that is given no folder of its own."""

_CONTROL = "/tyk/"
_NO_KEY = {
    "status": "error",
    "message": "Attempted administrative access with invalid or missing key!",
}


class Gateway(SimulatedProgram):
    """Registers with the dashboard, or loads APIs from a folder, and takes control requests."""

    prefix = "TYK_GW_"
    keys: ClassVar[Mapping[SettingKey, str | None]] = {
        ("secret",): None,
        ("node_secret",): None,
        ("storage", "host"): None,
        ("storage", "port"): None,
        ("storage", "addrs"): None,
        ("use_db_app_configs",): None,
        ("db_app_conf_options", "connection_string"): None,
        ("policies", "policy_source"): None,
        ("policies", "policy_connection_string"): None,
        ("policies", "policy_record_name"): None,
        ("app_path",): None,
        ("health_check_endpoint_name",): None,
        ("readiness_check_endpoint_name",): None,
    }

    def __init__(self, context: ProgramContext) -> None:
        super().__init__(context)
        self._uses_dashboard = self.settings.flag("use_db_app_configs")
        self._apis: tuple[dict[str, Any], ...] = ()
        self._problems: dict[str, str] = {"redis": "not connected yet"}
        if self._uses_dashboard:
            self._problems["dashboard"] = "not registered yet"

    def start(self) -> None:
        """Refuse to start without what the configuration demands."""
        if self._uses_dashboard and not self.settings.text("node_secret"):
            raise ProgramDeath("Node secret is not set, required for dashboard connection")
        if not self.settings.text("secret"):
            self.context.say("warning: no secret is set: the control API obeys any client")
        if not self._uses_dashboard:
            self._apis = self._load_apis()

    def work(self) -> None:
        """Keep the connections to Redis and to the dashboard."""
        while True:
            self.check()
            self.context.pause(self._pause())

    def check(self) -> None:
        """Look at Redis and at the dashboard once."""
        self._note("redis", next(iter(self.problems("redis")), ""))
        if self._uses_dashboard:
            self._note("dashboard", self._register())

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """Answer health checks, control requests and requests to the loaded APIs."""
        if request.path == self._path("health_check_endpoint_name", "hello"):
            return HttpAnswer(200, self._health())
        if request.path == self._path("readiness_check_endpoint_name", "ready"):
            ready = not any(self._problems.values())
            return HttpAnswer(200 if ready else 503, self._health())
        if request.path.startswith(_CONTROL):
            return self._control(request)
        return self._proxied(request)

    # ── peers ──

    def _note(self, peer: str, problem: str) -> None:
        if problem != self._problems[peer]:
            self.context.say(f"{peer}: {problem or 'connected'}")
        self._problems[peer] = problem

    def _pause(self) -> float:
        failed = any(self._problems.values())
        return self.context.retry_s if failed else self.context.patience_s

    def _register(self) -> str:
        """Register with the dashboard and load its APIs; return why that fails."""
        text = self.settings.text("db_app_conf_options", "connection_string")
        keys = ("db_app_conf_options.connection_string",)
        found = [e for e in self.settings.endpoints() if e.key in keys]
        if not found:
            return f"there is no dashboard in the connection string {text!r}"
        registered = self._ask_dashboard(found[0], "/register/node")
        if isinstance(registered, str):
            return registered
        policies = self._ask_dashboard(found[0], "/system/policies")
        if isinstance(policies, str):
            return policies
        apis = self._ask_dashboard(found[0], "/system/apis")
        if isinstance(apis, str):
            return apis
        self._apis = tuple(api for api in _items(apis.body) if isinstance(api, dict))
        return ""

    def _ask_dashboard(self, dashboard: Endpoint, path: str) -> HttpAnswer | str:
        """Return the dashboard's good answer, or the reason without one."""
        address = self.resolve(dashboard.host)
        if address is None:
            return f"lookup {dashboard.host}: no such host"
        headers = {"authorization": self.settings.text("node_secret")}
        answer = ask(address, dashboard.port, path, headers)
        if answer is None:
            return f"{dashboard.host}:{dashboard.port} does not answer"
        if answer.status != 200:
            return f"the dashboard answers {answer.status} to {path}"
        return answer

    # ── answers ──

    def _path(self, key: str, default: str) -> str:
        return "/" + (self.settings.text(key) or default).strip("/")

    def _health(self) -> dict[str, Any]:
        failed = [peer for peer, problem in self._problems.items() if problem]
        status = "warn" if failed else "pass"
        if len(failed) > 1:
            status = "fail"
        details = {
            peer: {"status": "fail", "output": problem} if problem else {"status": "pass"}
            for peer, problem in self._problems.items()
        }
        return {"status": status, "description": "Tyk GW", "details": details}

    def _control(self, request: HttpRequest) -> HttpAnswer:
        # An empty secret equals an absent header, as in the real gateway.
        if request.headers.get("x-tyk-authorization", "") != self.settings.text("secret"):
            return HttpAnswer(403, _NO_KEY)
        match request.method, request.path.rstrip("/"):
            case "GET", "/tyk/apis":
                return HttpAnswer(200, list(self._apis))
            case "POST", "/tyk/keys/create":
                key = hashlib.sha256(os.urandom(16)).hexdigest()
                return HttpAnswer(200, {"key": key, "status": "ok", "action": "added"})
            case "GET", "/tyk/reload":
                return HttpAnswer(200, {"status": "ok", "message": ""})
            case _:
                return HttpAnswer(404, {"status": "error", "message": "not simulated"})

    def _proxied(self, request: HttpRequest) -> HttpAnswer | None:
        for api in self._apis:
            proxy = api.get("proxy") or {}
            path = str(proxy.get("listen_path", ""))
            if path.strip("/") and request.path.startswith(path):
                if not api.get("use_keyless"):
                    return HttpAnswer(401, {"error": "Authorization field missing"})
                return HttpAnswer(200, {"api": api.get("name"), "target": proxy.get("target_url")})
        return None

    def _load_apis(self) -> tuple[dict[str, Any], ...]:
        path = self.settings.text("app_path")
        files = self.context.files(path)
        if files is None:
            self.context.say(f"loads the sample APIs of the image from {path or 'its default'}")
            return _SAMPLES
        found = []
        for name, content in sorted(files.items()):
            try:
                found.append(dict(json.loads(content)))
            except (ValueError, TypeError):
                self.context.say(f"{path}/{name} is not the definition of an API")
        self.context.say(f"loads {len(found)} APIs from {path}")
        return tuple(found)


def _items(body: Any) -> list[Any]:
    items = body.get("Message") if isinstance(body, dict) else None
    return items if isinstance(items, list) else []
