"""`gromit env exec` with a running serve: before and after AWS opens a session."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moto import mock_aws

from gromit.bootstrap.exec_sessions import container_sessions, session_target
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.running_container import RunningContainer
from gromit.errors import ConfigError
from gromit.local.aws.moto_patches import apply_patches, remove_patches
from gromit.services.exec_access import ExecAccess
from tests.adapters.test_session_plugin import plugin, recorded
from tests.cli.test_env import (
    Shell,
    any_time,
    certificates,
    emulator,
    serve,
    shared_serve,
    shell,
)
from tests.contracts.ecs_world import EcsWorld
from tests.fakes.running_containers import FakeRunningContainers
from tests.web.serving import REGION

__all__ = ["any_time", "certificates", "emulator", "serve", "shared_serve", "shell"]

RUNNING = RunningContainer(
    cluster="app-test",
    region=REGION,
    task="0a1b",
    container="tyk",
    runtime="0a1b-1",
    takes_programs=True,
    is_connected=True,
)


@pytest.fixture
def running(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell, and an environment whose component `tyk` takes programs."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    shell.serve.build("tyk", "app-test", "sha")
    deps = shell.serve.app.state.deps
    tyk = replace(deps.views.catalogue.components["tyk"], exec=True)
    catalogue = Catalogue({**deps.views.catalogue.components, "tyk": tyk})
    containers = FakeRunningContainers({("app-test", "tyk"): RUNNING})
    access = ExecAccess(deps.environments.ledger, catalogue, containers)
    shell.serve.app.state.deps = replace(deps, exec_access=access)
    yield shell
    shell.serve.app.state.deps = deps


def kinds(shell: Shell) -> list[str]:
    """Return the kinds of the events of the environment."""
    events = shell.serve.get("/v1/environments/app-test/events")["events"]
    return [event["kind"] for event in events]


def test_the_container_is_shown_without_aws(running: Shell) -> None:
    assert running.json("exec", "app-test", "tyk") == {
        "component": "tyk",
        "region": REGION,
        "cluster": "app-test",
        "task": "0a1b",
        "container": "tyk",
        "runtime": "0a1b-1",
    }
    assert kinds(running)[-1] == "exec"


def test_a_component_without_exec_is_refused_with_the_remedy(running: Shell) -> None:
    said = running.fail("exec", "app-test", "redis", "-o", "json")
    assert "does not let people run programs in redis" in said
    assert "exec: true" in said
    assert "could not find env" in running.fail("exec", "elsewhere", "tyk", "-o", "json")


def test_without_credentials_nothing_is_recorded(running: Shell) -> None:
    said = running.fail("exec", "app-test", "tyk", "--", "ls", "-l", code=2)
    assert "there are no AWS credentials" in said
    assert "gromit local env --login --aws" in said
    assert "exec" not in kinds(running)


def test_without_the_program_of_aws_nothing_is_recorded(
    running: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("PATH", str(tmp_path))
    said = running.fail("exec", "app-test", "tyk", code=2)
    assert "session-manager-plugin is not installed" in said
    assert "exec" not in kinds(running)


def test_help_has_examples(shell: Shell) -> None:
    assert "gromit env exec app-test tyk -- ls -l /conf" in shell.run("exec", "--help")


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EcsWorld]:
    """An emulated AWS as a person sees it, with a script in place of AWS's program."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    plugin(tmp_path)
    apply_patches()
    with mock_aws():
        yield EcsWorld()
    remove_patches()


def test_a_session_at_aws_is_joined_by_the_program_of_aws(ecs: EcsWorld, tmp_path: Path) -> None:
    ecs.serve("app-test", "tyk", ecs.define("app-test", "tyk"))
    task = ecs.run_with_exec("app-test", "tyk")
    sessions = container_sessions()
    target = session_target(
        {
            "cluster": "app-test",
            "task": task,
            "container": "tyk",
            "runtime": "0a1b-1",
            "region": REGION,
        }
    )
    opened = sessions.open(target, ["sh", "-c", "echo $HOME"])
    assert sessions.join(opened, target) == 3
    arguments, given = recorded(tmp_path)
    assert json.loads(arguments[4]) == {"Target": f"ecs:app-test_{task}_0a1b-1"}
    assert arguments[5] == f"https://ssm.{REGION}.amazonaws.com"
    assert json.loads(given)["StreamUrl"].startswith("wss://ssmmessages.")


def test_a_local_cloud_needs_no_program_of_aws(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("PATH", str(tmp_path))
    for url in ("http://127.0.0.1:4000", "http://localhost:4000"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert container_sessions().plugin is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://ecs.example.com")
    with pytest.raises(ConfigError, match="session-manager-plugin"):
        container_sessions()
