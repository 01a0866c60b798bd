"""The simulated Tyk pump."""

from collections.abc import Mapping
from typing import ClassVar

from gromit.local.aws.simulated.messages import HttpAnswer, HttpRequest
from gromit.local.aws.simulated.program import SimulatedProgram
from gromit.local.aws.simulated.settings import SettingKey


class Pump(SimulatedProgram):
    """Needs Mongo, and waits for Redis."""

    prefix = "TYK_PMP_"
    keys: ClassVar[Mapping[SettingKey, str | None]] = {
        ("analytics_storage_config", "host"): None,
        ("analytics_storage_config", "port"): None,
        ("analytics_storage_config", "addrs"): None,
        ("uptime_pump_config", "mongo_url"): None,
        ("health_check_endpoint_name",): None,
        ("health_check_endpoint_port",): None,
    }

    def work(self) -> None:
        """Connect to Mongo, then to Redis, and stay connected."""
        self.wait_for("mongodb", "Mongo")
        before: list[str] | None = None
        while True:
            problems = self.problems("redis")
            if problems != before:
                self.context.say(f"Redis: {problems[0] if problems else 'connected'}")
            before = problems
            pause = self.context.retry_s if problems else self.context.patience_s
            self.context.pause(pause)

    def other_port(self) -> int | None:
        """Return the port of its health."""
        return self.settings.number("health_check_endpoint_port", default=8083)

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """Answer health checks."""
        name = self.settings.text("health_check_endpoint_name") or "health"
        return HttpAnswer(200, {"status": "ok"}) if request.path == f"/{name}" else None
