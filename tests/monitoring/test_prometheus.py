"""A Prometheus of Debian scrapes a local cloud, and finds each series of dashboard and rules."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from gromit.core.metrics.definition import by_series
from gromit.core.metrics.definitions import DEFINITIONS
from gromit.local.cloud.network import free_port
from tests.docs.cloud import GROMIT, ended, variables
from tests.monitoring.expressions import RULES, Expression, Selector, expressions
from tests.web.serving import eventually

pytestmark = [
    pytest.mark.long,
    pytest.mark.cloud,
    pytest.mark.terraform,
    pytest.mark.xdist_group("prometheus"),
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus is not on the PATH: install it"
    ),
]
SERIES = by_series(DEFINITIONS)
PATIENCE_S = 240.0


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer, which must be a success."""
        answer = httpx2.get(
            f"{self.url}/api/v1/{path}", params=query, trust_env=False, timeout=PATIENCE_S
        ).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[Any]:
        found: list[Any] = self.get("query", query=expression)["result"]
        return found


def run(folder: Path, *arguments: str, output: bool = True) -> Any:
    command = [*GROMIT, *arguments, "--dir", str(folder)]
    environ = {**variables(), "GROMIT_SERVE_CANARY_NAME": "canary"}
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if output else None


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run a local cloud with an environment; yield the addresses of metrics by job."""
    folder = tmp_path_factory.mktemp("cloud")
    with ended(folder):
        run(folder, "local", "up", "--detach", "--login", output=False)
        run(folder, "local", "push", "tyk", "app-test", "--sha", "1a2b3c", output=False)
        parts = run(folder, "local", "status", "-o", "json")
        found = {part["part"]: part["metrics"] for part in parts if part["metrics"]}
        for url in found.values():  # an address and its port
            httpx2.get(url, trust_env=False, timeout=PATIENCE_S).raise_for_status()
        yield found


@pytest.fixture(scope="module")
def prometheus(
    targets: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [httpx2.URL(url).netloc.decode()]}]}
            for job, url in targets.items()
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    listen = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={listen}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    running = Prometheus(f"http://{listen}")

    def is_scraping() -> bool:
        try:
            return all(s["value"][1] == "1" for s in running.query("up")) and len(
                running.query("up")
            ) == len(targets)
        except httpx2.TransportError:
            return False

    try:
        eventually(is_scraping, within=PATIENCE_S)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def listed_matchers(selector: Selector) -> str:
    """Return a selector without conditions on labels whose values the code does not list."""
    labels = {label.name: label.values for label in SERIES[selector.series].labels}
    kept = ",".join(str(m) for m in selector.matchers if labels[m.label])
    return f"{selector.series}{{{kept}}}"


REPORTED_ONLY = (
    'gromit_aws_calls_total{outcome="denied"}',
    'gromit_aws_calls_total{outcome="throttled"}',
)
"""Series that exist once AWS has denied or throttled a call. The emulator does neither."""


@pytest.mark.parametrize("expression", expressions(), ids=lambda e: f"{e.place}: {e.text}")
def test_an_expression_is_valid_and_its_series_are_there(
    prometheus: Prometheus, expression: Expression
) -> None:
    prometheus.query(expression.text)
    for selector in expression.selectors:
        wanted = listed_matchers(selector)
        if wanted in REPORTED_ONLY:
            wanted = selector.series
        assert eventually(
            lambda wanted=wanted: prometheus.query(f"count({wanted})"),  # type: ignore[misc]
            within=PATIENCE_S,
        ), wanted


def test_a_ready_environment_is_counted_with_its_way_from_build_to_url(
    prometheus: Prometheus,
) -> None:
    def value(expression: str) -> float:
        found = prometheus.query(expression)
        return float(found[0]["value"][1]) if found else 0.0

    for expression in (
        'gromit_environments{phase="ready"} > 0',
        "gromit_build_ready_seconds_count > 0",
        "gromit_build_answered_seconds_count > 0",
        'gromit_terraform_duration_seconds_count{action="apply",outcome="done"} > 0',
        "gromit_dns_lag_seconds_count > 0",
        'gromit_aws_calls_total{part="sow",service="ecs",outcome="ok"} > 0',
        'gromit_passes_total{part="chitragupta",outcome="done"} > 0',
        "gromit_canary_success_timestamp_seconds > 0",
    ):
        assert eventually(
            lambda expression=expression: value(expression),  # type: ignore[misc]
            within=PATIENCE_S,
        ), expression


def test_all_rules_are_loaded_and_evaluated_without_errors(prometheus: Prometheus) -> None:
    def rules() -> list[Any]:
        found = [r for group in prometheus.get("rules")["groups"] for r in group["rules"]]
        return found if all(r["health"] == "ok" for r in found) else []

    assert eventually(rules, within=PATIENCE_S)
