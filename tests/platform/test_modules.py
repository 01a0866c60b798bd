"""The modules of the roots: each one's mocked tests, which plan its example, too."""

from pathlib import Path

import pytest

from tests.platform.roots import REPOSITORY, Engine, Root, copied

pytestmark = pytest.mark.terraform

MODULES = sorted(path.parent.parent for path in (REPOSITORY / "terraform" / "modules").glob("*/tests/*.tftest.hcl"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_its_mocked_tests_pass(module: Path, embedded: Engine, tmp_path: Path) -> None:
    """Against no emulator at all: what is not mocked fails."""
    folder = copied(tmp_path) / "modules" / module.name
    root = Root(folder, embedded, {"PATH": "/usr/bin:/bin"})
    root.run("init", "-backend=false", "-input=false")
    root.run("validate")
    done = root.run("test")
    runs = sum(path.read_text().count("\nrun ") for path in (module / "tests").glob("*.tftest.hcl"))
    assert done.stdout.count("... pass") == runs + len(list((module / "tests").glob("*.tftest.hcl"))), "each run, and each file"
