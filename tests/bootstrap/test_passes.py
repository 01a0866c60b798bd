"""Ports of watches, which count their own passes."""

import socket
from pathlib import Path

import pytest

from gromit.bootstrap.passes import pass_reports
from gromit.config.load import load_settings
from gromit.core.metrics.pass_report import DnsFigures, PassPart
from gromit.errors import ConfigError
from gromit.local.cloud.network import free_port
from tests.web.scraping import metric_value


def test_a_watch_with_a_port_counts_its_passes_there(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    environ = {"HOME": str(tmp_path), "GROMIT_METRICS_LISTEN": listen}
    settings = load_settings(environ).settings
    url = f"http://{listen}"
    with pass_reports(settings, PassPart.CHITRAGUPTA, is_watch=True) as passes:
        passes.begin()
        passes.done(DnsFigures(3, 0, 1, 0, 0))
        labels = {"part": "chitragupta", "outcome": "done"}
        assert metric_value(url, "gromit_passes_total", **labels) == 1
        assert metric_value(url, "gromit_dns_records", state="ours") == 3
        assert (metric_value(url, "process_resident_memory_bytes") or 0) > 0


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = load_settings({"HOME": str(tmp_path), "GROMIT_METRICS_LISTEN": listen}).settings
        with (
            pytest.raises(ConfigError, match=f"cannot listen on {listen}"),
            pass_reports(settings, PassPart.SOW, is_watch=True),
        ):
            pass
