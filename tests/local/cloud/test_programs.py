"""Real programs of a local cloud as users name them, also in the place of its Mongo."""

import shlex
import sys
from pathlib import Path

import pytest

from gromit.errors import ConfigError
from gromit.local.aws.programs import ProgramFolder, require_namespaces
from gromit.local.cloud.layout import CloudPaths, require_state
from gromit.local.cloud.platform import MONGO_PORT
from tests.local.aws.test_programs import PROGRAM
from tests.local.cloud.test_cloud import complaint, everything, listens, local, record
from tests.local.conftest import eventually, get

pytestmark = [pytest.mark.cloud]


@pytest.fixture
def server(tmp_path: Path) -> str:
    """The command of a small server."""
    path = tmp_path / "server"
    path.write_text(f"#!{sys.executable} -I\n{PROGRAM}")
    path.chmod(0o755)
    return shlex.quote(str(path))


def test_a_real_mongo_is_a_part_of_the_cloud_under_the_name_of_the_platform(
    tmp_path: Path, server: str
) -> None:
    place = CloudPaths(tmp_path / "cloud")
    try:
        require_namespaces(ProgramFolder(tmp_path / "trial"))
    except ConfigError as error:
        pytest.skip(str(error))
    program = f"mongo=DATA=kept {server} {MONGO_PORT} {{address}}"
    local(place, "up", "--detach", "--program", program)
    try:
        processes, address = everything(place), require_state(place).ranges.mongo
        said = get(address, MONGO_PORT)
        assert said["arguments"] == [str(MONGO_PORT), address]
        assert said["variables"]["DATA"] == "kept"
        eventually(lambda: "mongo.dev.gromit.test" in get(address, MONGO_PORT)["names"])
        rows = {row["part"]: row for row in local(place, "status")}
        assert rows["mongo"]["state"] == "running"
        assert "starts" in Path(rows["mongo"]["log"]).read_text()
        again = complaint("local", "up", "--detach", "--dir", str(place.root), "--program", program)
        assert "is already up, and programs start with it" in again[0]
        assert "gromit local down" in again[1]
        assert record(place).supervisor.alive()
    finally:
        local(place, "down")
    assert [process for process in processes if process.alive()] == []
    assert not listens(require_state(place).ports["aws"])


@pytest.mark.parametrize(
    ("program", "words", "codes"),
    [
        ("tyk", "'tyk' names no component and program", (2, 2)),
        ("tyk=/nowhere/tyk", "the program of tyk, /nowhere/tyk, is not an executable", (2, 2)),
        ("nothing=sh", "there is no component nothing for --program", (2, 1)),
    ],
)
def test_a_program_that_cannot_run_is_refused_before_anything_starts(
    tmp_path: Path, program: str, words: str, codes: tuple[int, int]
) -> None:
    place = CloudPaths(tmp_path / "cloud")
    for detached, code in zip(([], ["--detach"]), codes, strict=True):
        up = ["local", "up", *detached, "--dir", str(place.root), "--program", program]
        said = complaint(*up, code=code)
        assert words in " ".join(said)
        assert "hint: " in said[-1]
    assert local(place, "status", code=1) == []
