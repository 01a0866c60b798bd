"""Choice of the terraform to run. The programs are scripts that print a version."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gromit.adapters.terraform.process import EMBEDDED
from gromit.adapters.terraform.program import choose_program
from gromit.errors import ConfigError

Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    def make(name: str, says: str) -> str:
        program = tmp_path / name
        program.write_text(says)
        program.chmod(0o755)
        return str(program)

    return make


def ask(program: str) -> str:
    return Path(program).read_text()


def test_a_new_enough_terraform_of_the_path_is_taken(install: Install, tmp_path: Path) -> None:
    terraform = install("terraform", "Terraform v1.11.0")
    install("tofu", "OpenTofu v1.10.0")
    assert choose_program("auto", str(tmp_path), ask) == terraform


def test_then_a_new_enough_tofu(install: Install, tmp_path: Path) -> None:
    install("terraform", "Terraform v1.10.5")
    tofu = install("tofu", "OpenTofu v1.10.0")
    assert choose_program("auto", str(tmp_path), ask) == tofu


@pytest.mark.parametrize("says", ["Terraform v1.5.7", "no terraform at all"])
def test_then_the_embedded_one(install: Install, tmp_path: Path, says: str) -> None:
    install("terraform", says)
    assert choose_program("auto", str(tmp_path), ask) == EMBEDDED
    assert choose_program("auto", "", ask) == EMBEDDED


def test_the_embedded_one_can_be_asked_for(install: Install, tmp_path: Path) -> None:
    install("terraform", "Terraform v1.11.0")
    assert choose_program("embedded", str(tmp_path), ask) == EMBEDDED


def test_a_program_can_be_asked_for_by_name_and_by_path(install: Install, tmp_path: Path) -> None:
    terraform = install("terraform-1.12", "Terraform v1.12.0")
    assert choose_program("terraform-1.12", str(tmp_path), ask) == terraform
    assert choose_program(terraform, "", ask) == terraform


@pytest.mark.parametrize(
    ("says", "why"),
    [("Terraform v1.5.7", "terraform 1.5.7: too old"), ("hello", "neither terraform nor OpenTofu")],
)
def test_what_was_asked_for_must_do(install: Install, tmp_path: Path, says: str, why: str) -> None:
    install("terraform", says)
    with pytest.raises(ConfigError, match=why) as refused:
        choose_program("terraform", str(tmp_path), ask)
    assert refused.value.hint
    assert "1.11" in refused.value.hint


def test_what_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is 'terraform-9', which is not a program"):
        choose_program("terraform-9", str(tmp_path), ask)


def test_without_any_it_is_said_what_was_found(install: Install, tmp_path: Path) -> None:
    terraform = install("terraform", "Terraform v1.5.7")
    with pytest.raises(
        ConfigError, match=f"no usable terraform found: {terraform} is terraform 1.5.7: too old"
    ):
        choose_program("auto", str(tmp_path), ask, embedded="not_installed")
    with pytest.raises(ConfigError, match=r"no usable terraform found$"):
        choose_program("embedded", "", ask, embedded="not_installed")
