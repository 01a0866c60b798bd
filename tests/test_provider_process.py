"""The provider that the terraforms of a process share."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from gromit.adapters.procfs import PROC, read_stat
from tests.provider_process import VARIABLE, SharedProvider
from tests.stacks.terraform import Terraform
from tests.terraforms import shell_variables, unpacked_provider
from tests.waiting import wait_for

pytestmark = pytest.mark.terraform


@pytest.fixture(scope="module")
def mirror() -> Path:
    return unpacked_provider()


@pytest.fixture
def shared() -> Iterator[SharedProvider]:
    provider = SharedProvider()
    yield provider
    provider.end()


def pid_in(variables: Mapping[str, str]) -> int:
    found = json.loads(variables[VARIABLE])
    return int(found["registry.terraform.io/hashicorp/aws"]["Pid"])


def pid_of(shared: SharedProvider, mirror: Path, **more: str) -> int:
    with shared.attached("plan", mirror, {**shell_variables(), **more}) as variables:
        return pid_in(variables)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_for("its end", lambda: read_stat(PROC / str(pid)).is_dead)


def test_one_process_serves_until_the_environment_changes(
    shared: SharedProvider, mirror: Path
) -> None:
    first = pid_of(shared, mirror)
    assert pid_of(shared, mirror) == first
    assert pid_of(shared, mirror, AWS_REGION="eu-west-1") != first
    assert not (PROC / str(first)).exists()


def test_a_second_terraform_at_the_same_time_starts_its_own(
    shared: SharedProvider, mirror: Path
) -> None:
    with (
        shared.attached("plan", mirror, shell_variables()) as first,
        shared.attached("plan", mirror, shell_variables()) as second,
    ):
        assert (list(first), second) == ([VARIABLE], {})


def test_init_looks_for_the_provider_itself(shared: SharedProvider, mirror: Path) -> None:
    with shared.attached("init", mirror, shell_variables()) as variables:
        assert variables == {}


def test_one_that_has_ended_is_replaced(shared: SharedProvider, mirror: Path) -> None:
    first = pid_of(shared, mirror)
    kill(first)
    assert pid_of(shared, mirror) != first


class Ending(SharedProvider):
    """Ends when terraform already has its address."""

    @contextmanager
    def attached(
        self, command: str, mirror: Path, environment: Mapping[str, str]
    ) -> Iterator[Mapping[str, str]]:
        with super().attached(command, mirror, environment) as variables:
            if variables:
                kill(pid_in(variables))
            yield variables


def test_a_terraform_whose_provider_ends_fails_and_says_so(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('data "aws_region" "here" {\n}\n')
    provider = Ending()
    terraform = Terraform(tmp_path, mirror, provider)
    terraform.does("init", "-input=false", "-no-color")
    done = terraform("validate", "-no-color")
    provider.end()
    assert done.returncode == 1
    assert "provider" in done.stderr
