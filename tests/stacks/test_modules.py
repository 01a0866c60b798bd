"""The stack held by terraform itself: formatted, valid, and planned against a mocked provider."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gromit.adapters import provider_mirror, terraform_child
from gromit.core.terraform import Call, child_environment, cli_config
from tests.stacks.hcl import STACK

pytestmark = pytest.mark.terraform

HERE = Path(__file__).parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = provider_mirror.find_bundle()
    if bundle is None:
        pytest.skip("the embedded provider is not installed, or not made for this machine")
    return provider_mirror.unpacked(bundle, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def terraform(tmp_path: Path, mirror: Path) -> Run:
    config = tmp_path / "terraform.rc"
    config.write_text(cli_config(str(mirror)))

    def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        call = Call(cli_config=str(config), data_dir=str(tmp_path / "data"))
        script = str(Path(terraform_child.__file__))
        argv = [sys.executable, "-I", script, str(os.getpid()), terraform_child.EMBEDDED, *arguments]
        environment = child_environment({"PATH": os.environ["PATH"]}, call)
        return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return run


def test_it_is_formatted(terraform: Run, tmp_path: Path) -> None:
    copied = tmp_path / "stack"
    shutil.copytree(STACK, copied)
    for file in HERE.glob("*.tftest.hcl"):
        shutil.copy(file, copied)
    done = terraform("fmt", "-check", "-recursive", "-diff", folder=copied)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("module", "tests"), [(".", "devenv.tftest.hcl"), ("modules/component", "component.tftest.hcl")])
def test_it_is_valid_and_its_mocked_tests_pass(terraform: Run, tmp_path: Path, module: str, tests: str) -> None:
    copied = tmp_path / "stack"
    shutil.copytree(STACK / module, copied)
    (copied / "tests").mkdir()
    shutil.copy(HERE / tests, copied / "tests")
    init = terraform("init", "-backend=false", "-input=false", "-no-color", folder=copied)
    assert init.returncode == 0, init.stdout + init.stderr
    valid = terraform("validate", "-no-color", folder=copied)
    assert valid.returncode == 0, valid.stdout + valid.stderr
    done = terraform("test", "-no-color", folder=copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert done.stdout.count("... pass") == (HERE / tests).read_text().count("\nrun ") + 1, "each run, and the file"
