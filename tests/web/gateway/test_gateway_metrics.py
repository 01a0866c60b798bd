"""Metrics of the gateway, on an address of their own."""

from pathlib import Path

import httpx2

from gromit.core.metrics.definition import by_series
from gromit.core.metrics.definitions import DEFINITIONS
from gromit.core.metrics.server_definitions import GATEWAY
from tests.waiting import PATIENCE_S
from tests.web.fronting import Front, fronting
from tests.web.scraping import metric_value, metrics_text, scrape
from tests.web.serving import Serve

PORT = {"GROMIT_METRICS_LISTEN": "127.0.0.1:0"}


def address(front: Front) -> str:
    return f"http://{front.server.address(1)}"


def test_requests_are_counted_by_route_without_names(serve: Serve, tmp_path: Path) -> None:
    with fronting(serve, tmp_path, PORT) as front:
        front.build(front.token("tyk"), "tyk", "secret-branch", "sha")
        front.build("no token", "tyk", "secret-branch", "sha")
        deleted = front.delete(front.token("tyk"), "secret-branch")
        front.http.get("/nowhere/secret")
        url = address(front)

        def count(method: str, route: str, status: str) -> float | None:
            labels = {"method": method, "route": route, "status": status}
            return metric_value(url, "gromit_requests_total", **labels)

        assert count("POST", "/gromit/newbuild", "200") == 1
        assert count("POST", "/gromit/newbuild", "401") == 1
        assert count("DELETE", "/gromit/env/{name:path}", str(deleted.status_code)) == 1
        assert count("GET", "unmatched", "404") == 1
        assert "secret" not in metrics_text(url)


def test_every_definition_of_the_gateway_is_served_and_no_other(
    serve: Serve, tmp_path: Path
) -> None:
    own = by_series(tuple(d for d in DEFINITIONS if GATEWAY[0] in d.parts))
    with fronting(serve, tmp_path, PORT) as front:
        front.http.get("/healthcheck")
        url = address(front)
        # This process also imports serve, whose own metrics are in a registry of each server.
        found = {s.name for s in scrape(url) if s.name.startswith("gromit_")}
        assert {name for name in found if not name.endswith("_created")} - own.keys() == set()
        text = metrics_text(url)
        assert [d.name for d in own.values() if f"# HELP {d.name} {d.help}" not in text] == []


def test_without_the_setting_there_is_no_such_address(serve: Serve, tmp_path: Path) -> None:
    with fronting(serve, tmp_path) as front:
        assert front.http.get("/metrics").status_code == 404


def test_the_address_offers_nothing_else(serve: Serve, tmp_path: Path) -> None:
    with fronting(serve, tmp_path, PORT) as front:
        url = address(front)
        assert httpx2.get(f"{url}/healthcheck", trust_env=False, timeout=PATIENCE_S).text == "OK"
        answer = httpx2.post(f"{url}/gromit/newbuild", trust_env=False, timeout=PATIENCE_S)
        assert answer.status_code == 404
