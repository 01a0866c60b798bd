"""The page about programs in containers, followed to the letter in a local cloud of its own."""

import sys
from pathlib import Path

import pytest

from tests.docs.cloud import ended, variables
from tests.docs.markdown import DOCS
from tests.docs.shell import shell

PAGE = "how-to/run-a-program-in-a-container.md"


@pytest.mark.long
@pytest.mark.cloud
@pytest.mark.terraform
@pytest.mark.xdist_group("docs")  # one local cloud at a time
def test_the_page_about_programs_works_as_it_is_written(tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    with (
        ended(tmp_path / ".gromit" / "local"),
        shell(tmp_path, tmp_path / "printed", variables() | {"TOOLS": str(tools)}) as bash,
    ):
        code, printed = bash.run('export PATH="$TOOLS:$PATH"')
        assert code == 0, printed
        bash.follow(DOCS / PAGE)
