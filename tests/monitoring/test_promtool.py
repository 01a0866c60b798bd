"""promtool, of Debian's package prometheus, on the rules, and on what serve serves."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.alert_cases import CASES, HEALTHY, STEPS
from tests.monitoring.expressions import CONFIG, RULES, alerts
from tests.web.scraping import metrics_text
from tests.web.serving import Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

needs_promtool = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("promtool") is None, reason="promtool is not on the PATH: install prometheus"
    ),
]
SEVERITY = {rule["alert"]: rule["labels"]["severity"] for rule in alerts()}


def promtool(*arguments: str, given: str = "") -> str:
    ended = subprocess.run(
        ["promtool", *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_each_alert_has_a_case() -> None:
    assert CASES.keys() == SEVERITY.keys()
    assert [name for name, case in CASES.items() if not case.keys() <= HEALTHY.keys()] == []


class TestPromtool:
    """Checks of promtool itself."""

    pytestmark = needs_promtool

    def test_rules_and_example_are_valid(self) -> None:
        promtool("check", "rules", str(RULES))
        promtool("check", "config", str(CONFIG))

    def test_the_metrics_of_serve_follow_the_conventions(self, serve: Serve) -> None:
        serve.build("tyk", "app-test", "sha")
        serve.work_off("sow")
        own = "".join(
            f"{line}\n"
            for line in metrics_text(serve.health_url).splitlines()
            if "gromit_" in line and "_created" not in line
        )
        assert "gromit_environments" in own
        assert promtool("check", "metrics", given=own) == ""

    def test_no_alert_fires_while_all_is_well(self, tmp_path: Path) -> None:
        check(tmp_path, HEALTHY, [])

    @pytest.mark.parametrize("alert", CASES)
    def test_the_alert_fires_alone(self, tmp_path: Path, alert: str) -> None:
        check(tmp_path, {**HEALTHY, **CASES[alert]}, [alert])


def check(folder: Path, series: Mapping[str, str], firing: list[str]) -> None:
    """Let promtool evaluate the rules for a day."""
    expected = [
        {
            "labels": f'{{alertname="{name}",alertstate="firing",severity="{SEVERITY[name]}"}}',
            "value": 1,
        }
        for name in firing
    ]
    by_name = "max by (alertname, alertstate, severity) (ALERTS{alertstate='firing'})"
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in series.items()],
        "promql_expr_test": [{"expr": by_name, "eval_time": f"{STEPS}m", "exp_samples": expected}],
    }
    file = folder / "rules-test.json"  # JSON is YAML, too
    document = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
    file.write_text(json.dumps(document))
    promtool("test", "rules", str(file))
