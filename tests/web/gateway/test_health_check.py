"""The line of the gateway that says that health checks arrive."""

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from gromit.core.time import Millis
from gromit.web.gateway.health_check import HealthRoute
from tests.logs import lines_about

BEGIN_MS = 1_800_000_000_000


class Visits:
    """A load balancer that asks at the instants of a test."""

    def __init__(self) -> None:
        self.now_ms = BEGIN_MS
        check = HealthRoute(lambda: Millis(self.now_ms))
        self._client = TestClient(Starlette(routes=[Route("/healthcheck", check.answer)]))

    def lines(self, *instants_s: int) -> int:
        """Ask at each instant, and return the number of lines."""
        with capture_logs() as logs:
            for second in instants_s:
                self.now_ms = BEGIN_MS + second * 1000
                assert self._client.get("/healthcheck").text == "OK"
        return len(lines_about("gateway", logs))


def test_every_minute_in_which_checks_arrive_has_a_line() -> None:
    assert Visits().lines(*range(0, 600, 10)) == 10
    assert Visits().lines(0, 1, 2) == 1
    assert Visits().lines() == 0


def test_a_clock_that_is_put_back_silences_nothing() -> None:
    assert Visits().lines(7200, 0, 30, 60) == 3
