"""`gromit terraform` with a running serve, the emulator and a program instead of terraform."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.adapters.config_tree.suspension import Suspension
from gromit.bootstrap.aws_session import session
from gromit.cli import run
from gromit.core.security.roles import Role
from tests.fakes.platform import PLATFORM
from tests.web.serving import Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

PROGRAM = """#!/bin/sh
case "$1" in
  version) echo "Terraform v1.15.5" ;;
  plan) cat terraform.tfvars.json > "$SEEN"; exit 2 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """A config root, and the folder in which the program stores its inputs."""

    root: Path
    seen: Path
    captured: pytest.CaptureFixture[str]

    def plan(self) -> tuple[dict[str, Any], str]:
        """Return the components of a plan, and the warnings."""
        self.captured.readouterr()
        assert run(["terraform", "app-test", "--root", str(self.root), "--", "plan"]) == 2
        return json.loads(self.seen.read_text())["components"], self.captured.readouterr().err


@pytest.fixture
def bench(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Iterator[Bench]:
    identity, program = serve.certificates.of(Role.OPERATOR), tmp_path / "terraform"
    program.write_text(PROGRAM.replace("$SEEN", str(tmp_path / "seen")))
    program.chmod(0o755)
    settings = {
        **serve.emulator.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GROMIT_SERVE_URL": serve.url,
        "GROMIT_CA": serve.certificates.ca,
        "GROMIT_CLIENT_CERT": identity.cert,
        "GROMIT_CLIENT_KEY": identity.key,
        "GROMIT_TERRAFORM_COMMAND": str(program),
        "GROMIT_TERRAFORM_MIRROR": str(tmp_path),
        "GROMIT_TERRAFORM_WORK": str(tmp_path / "work"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    session.cache_clear()
    ssm = serve.emulator.client("ssm")
    with suppress(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(
            Name="/gromit/platform", Type="String", Value=json.dumps(asdict(PLATFORM))
        )
    serve.build("tyk", "app-test", "sha-that-was-pruned")
    init_root(tmp_path / "config")
    yield Bench(tmp_path / "config", tmp_path / "seen", capsys)
    session.cache_clear()


def test_a_missing_image_and_a_suspended_root_are_not_in_the_way_of_looking(bench: Bench) -> None:
    ConfigTree(bench.root).suspend(Suspension("moving mongo"))
    (bench.root / "app-test" / "tyk").mkdir(parents=True)
    (bench.root / "app-test" / "tyk" / "tyk.conf").write_text("edited")
    before = sorted(bench.root.rglob("*"))
    components, warnings = bench.plan()
    labels = components["tyk"]["labels"]
    assert labels["gromit.version"] == "sha-that-was-pruned"
    assert "gromit.digest" not in labels
    assert labels["gromit.config"]
    assert "there is no image tyk:sha-that-was-pruned in the registry" in warnings
    assert sorted(bench.root.rglob("*")) == before


def test_a_root_that_is_not_there_is_not_in_the_way_of_looking(bench: Bench) -> None:
    (bench.root / ".gromit-root").unlink()
    components, warnings = bench.plan()
    assert "gromit.config" not in components["tyk"]["labels"]
    assert "is not a config root" in warnings
    assert list(bench.root.iterdir()) == []


def test_a_call_without_a_command_of_terraform_shows_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["terraform", "app-test"]) == 2
    shown = capsys.readouterr().err
    assert "no command of terraform is given" in shown
    assert "gromit terraform app-test -- plan" in shown
