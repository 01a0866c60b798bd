"""The page about real programs, followed to the letter, with a real redis and a real nginx."""

import shutil
import sys
from pathlib import Path

import pytest

from gromit.errors import ConfigError
from gromit.local.aws.programs import ProgramFolder, require_namespaces
from tests.docs.cloud import ended, variables
from tests.docs.markdown import DOCS
from tests.docs.shell import shell


@pytest.mark.long
@pytest.mark.cloud
@pytest.mark.terraform
@pytest.mark.xdist_group("docs")  # one local cloud at a time
def test_the_page_about_real_programs_works_as_it_is_written(tmp_path: Path) -> None:
    missing = [name for name in ("redis-server", "redis-cli", "nginx") if not shutil.which(name)]
    if missing:
        pytest.skip(f"needs {missing[0]} on the PATH")
    try:
        require_namespaces(ProgramFolder(tmp_path / "trial"))
    except ConfigError as error:
        pytest.skip(str(error))
    tools = Path(sys.executable).parent
    with (
        ended(tmp_path / ".gromit" / "local"),
        shell(tmp_path, tmp_path / "printed", variables() | {"TOOLS": str(tools)}) as bash,
    ):
        code, printed = bash.run('export PATH="$TOOLS:$PATH"')
        assert code == 0, printed
        bash.follow(DOCS / "how-to" / "run-real-programs.md")
