"""The mocked tests of roots and modules; those of a module plan its example, too."""

from pathlib import Path

import pytest

from tests.platform.roots import REPOSITORY, Engine, Root, copied

pytestmark = pytest.mark.terraform

TERRAFORM = REPOSITORY / "terraform"
TESTED = sorted({path.parent.parent for path in TERRAFORM.rglob("tests/*.tftest.hcl")})


@pytest.mark.parametrize("directory", TESTED, ids=lambda path: path.name)
def test_the_mocked_tests_pass(directory: Path, embedded: Engine, tmp_path: Path) -> None:
    """Against no emulator at all: what is not mocked fails."""
    root = Root(copied(tmp_path) / directory.relative_to(TERRAFORM), embedded, {"PATH": "/usr/bin:/bin"})
    root.run("init", "-backend=false", "-input=false")
    root.run("validate")
    done = root.run("test")
    runs = sum(path.read_text().count("\nrun ") for path in (directory / "tests").glob("*.tftest.hcl"))
    assert done.stdout.count("... pass") == runs + len(list((directory / "tests").glob("*.tftest.hcl"))), "each run, and each file"
