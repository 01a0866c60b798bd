"""The tutorial, followed to the letter: every command runs and prints what the page shows."""

import sys
from pathlib import Path

import pytest

from tests.docs.cloud import ended, variables
from tests.docs.markdown import DOCS
from tests.docs.shell import shell


@pytest.mark.long
@pytest.mark.cloud
@pytest.mark.terraform
@pytest.mark.xdist_group("docs")  # one local cloud at a time
def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with (
        ended(tmp_path / ".gromit" / "local"),
        shell(tmp_path, tmp_path / "printed", variables()) as bash,
    ):
        bash.follow(DOCS / "tutorial" / "first-environment.md")
