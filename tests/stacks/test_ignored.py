"""Files that git ignores: plans, states and secrets in a checkout, but no lock file of a root."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.markdown import read
from tests.stacks.hcl import PLATFORM, REPOSITORY, directories

ROOTS = [place.name for place in directories() if place.path.parent == PLATFORM]
LOCK = ".terraform.lock.hcl"
PAGE = read("how-to/install-on-aws.md")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty repository that ignores the same files."""
    if not shutil.which("git"):
        pytest.skip("git is not on the PATH")
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True, timeout=60)
    shutil.copy(REPOSITORY / ".gitignore", folder)
    return folder


def _is_ignored(repository: Path, file: str) -> bool:
    command = ["git", "-C", str(repository), "check-ignore", "--quiet", "--no-index", file]
    return subprocess.run(command, check=False, timeout=60).returncode == 0


def test_lock_files_are_kept_in_roots_only(repository: Path) -> None:
    assert [root for root in ROOTS if _is_ignored(repository, f"{root}/{LOCK}")] == []
    assert _is_ignored(repository, f"terraform/modules/registry/{LOCK}")
    assert _is_ignored(repository, f"src/gromit/stacks/devenv/{LOCK}")


@pytest.mark.parametrize("root", ROOTS)
def test_plans_and_states_are_ignored(repository: Path, root: str) -> None:
    """A saved plan of base and a state that could not be saved contain keys as plain text."""
    plans = set(re.findall(r"-out=(\S+)", PAGE))
    assert plans == {"plan"}
    names = {*plans, "base.tfplan", "errored.tfstate", "terraform.tfstate.backup"}
    assert {name for name in names if not _is_ignored(repository, f"{root}/{name}")} == set()


def test_secrets_that_the_installation_writes_are_ignored(repository: Path) -> None:
    folders = re.findall(r'"\$PWD/([^"]+)"', PAGE)
    licences = re.findall(r">(\S+-licence\.txt)", PAGE)
    assert set(folders) == {"ca", "tokens.json"}
    assert len(licences) == 2
    assert _is_ignored(repository, "ca/ca-key.pem")
    assert [file for file in ("tokens.json", *licences) if not _is_ignored(repository, file)] == []


def test_sources_are_kept(repository: Path) -> None:
    assert not _is_ignored(repository, "terraform/backup/plan.tf")
    assert not _is_ignored(repository, "terraform/base/prod.tfvars")


def test_the_installation_removes_each_plan_that_it_saves() -> None:
    assert (
        PAGE.count("terraform apply plan\n") == PAGE.count("terraform apply plan\nrm plan\n") == 3
    )
    assert PAGE.index("umask 077\n") < PAGE.index("-out=plan")
