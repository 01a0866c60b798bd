"""Warnings of `sow --dry-run` and `reap --dry-run` about a halt, with a running serve."""

import os
from pathlib import Path

import pytest

from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.adapters.config_tree.suspension import Suspension
from gromit.bootstrap.doctor_facts import ComposedFacts
from gromit.cli import run
from gromit.config.load import load_settings
from gromit.core.security.roles import Role
from tests.fakes.installation import EXPECTED
from tests.web.serving import Certificates, Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]


@pytest.fixture
def root(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A config root. serve has one pending environment."""
    settings = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        **serve.client_settings(Role.WORKER),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    init_root(tmp_path / "config")
    serve.build("tyk", "app-test", "sha")
    return tmp_path / "config"


@pytest.mark.parametrize("command", ["sow", "reap"])
def test_a_dry_run_says_that_processing_is_suspended_and_shows_the_plan(
    root: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    ConfigTree(root).suspend(Suspension("moving mongo", by="alice@bastion"))
    assert run([command, str(root), "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert (
        "nothing would start now: processing is suspended by alice@bastion: moving mongo\n"
        "  hint: run `gromit resume" in shown.err
    )
    assert "app-test" in shown.out


@pytest.mark.parametrize("command", ["sow", "reap"])
def test_a_dry_run_says_that_the_root_is_not_usable(
    root: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run([command, str(root / "elsewhere"), "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "nothing would start now: cannot use config root" in shown.err
    assert "app-test" in shown.out


def test_a_dry_run_on_a_root_in_order_has_nothing_to_add(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sow", str(root), "--dry-run"]) == 0
    assert "nothing would begin" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sow", "reap"])
def test_a_dry_run_names_the_rows_that_cannot_be_read(
    root: Path, serve: Serve, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    serve.build("tyk", "odd", "sha")
    serve.damage("odd")
    assert run([command, str(root), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "app-test" in shown
    assert "the row of odd cannot be read: `events` is 'x', not a list" in shown


@pytest.mark.parametrize("command", ["sow", "reap"])
def test_a_worker_shows_its_own_certificate_where_it_has_one(
    root: Path,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    """The client certificate is of a CA that serve does not know."""
    worker = serve.certificates.of(Role.WORKER)
    stranger = Certificates(root.parent / "other").of(Role.WORKER)
    for name, value in (
        ("CLIENT_CERT", stranger.cert),
        ("CLIENT_KEY", stranger.key),
        ("WORKER_CERT", worker.cert),
    ):
        monkeypatch.setenv(f"GROMIT_{name}", value)
    assert run([command, str(root), "--dry-run"]) == 2
    assert "worker.key is not set" in capsys.readouterr().err
    monkeypatch.setenv("GROMIT_WORKER_KEY", worker.key)
    assert run([command, str(root), "--dry-run"]) == 0
    assert "app-test" in capsys.readouterr().out


def test_the_doctor_sees_a_suspension_at_serve_and_in_the_root(root: Path, serve: Serve) -> None:
    settings = load_settings({**os.environ, "GROMIT_ROOT": str(root)}).settings
    facts = ComposedFacts(settings, EXPECTED)
    assert facts.suspension() is None
    suspended = serve.send("POST", "/v1/suspensions", {"scope": "all", "reason": "at serve"})
    assert facts.suspension() == suspended.json()["text"]
    ConfigTree(root).suspend(Suspension("in the root"))
    assert facts.suspension() == "suspended: in the root"
