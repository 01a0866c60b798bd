"""Ctrl-C in commands that bring a cloud up: one word, 130, and nothing is left running."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gromit.local.cloud.layout import CloudPaths
from gromit.local.cloud.processes import wait_for_exit
from gromit.local.cloud.supervisor import read_supervisor_state
from tests.docs.cloud import variables
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.cloud, pytest.mark.xdist_group("interrupted")]


@contextmanager
def _running(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a command of `gromit local` with a folder of its own for temporary files."""
    (folder / "tmp").mkdir()
    with (
        (folder / "said").open("w", encoding="utf-8") as said,
        subprocess.Popen(
            [sys.executable, "-m", "gromit", "local", *arguments],
            env={**variables(), "TMPDIR": str(folder / "tmp")},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        ) as child,
    ):
        try:
            yield child
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait(PATIENCE_S * 3)


def _said(folder: Path) -> list[str]:
    return (folder / "said").read_text(encoding="utf-8").splitlines()


def _saying(folder: Path, text: str) -> None:
    """Wait until a command has said a text."""
    eventually(lambda: any(text in line for line in _said(folder)), within=PATIENCE_S * 3)


def _interrupt(child: "subprocess.Popen[str]") -> int:
    child.send_signal(signal.SIGINT)
    return child.wait(PATIENCE_S * 3)


def _moments() -> Iterator[object]:
    """Yield moments of a start, of which one is cheap enough for each run of the tests."""
    yield False, "starting the emulated AWS"
    for later in ("making certificates", "starting gateway", "is up"):
        yield pytest.param(False, later, marks=pytest.mark.long)
    for detached in ("starting the emulated AWS", "making certificates", "starting gateway"):
        yield pytest.param(True, detached, marks=pytest.mark.long)


@pytest.mark.parametrize(("detached", "moment"), [*_moments()])
def test_a_cloud_that_comes_up_or_is_up_goes_down(
    tmp_path: Path, detached: bool, moment: str
) -> None:
    place = CloudPaths(tmp_path / "cloud")
    options = ["--detach"] if detached else []
    with _running(tmp_path, "up", "--dir", str(place.root), *options) as child:
        _saying(tmp_path, moment)
        record = read_supervisor_state(place.processes)
        assert _interrupt(child) == 130
    lines = _said(tmp_path)
    assert (lines[-1], lines.count("interrupted")) == ("interrupted", 1)
    assert "gromit: " not in "".join(lines)
    if record is not None:
        assert wait_for_exit(record.processes, PATIENCE_S) == []
        assert not record.supervisor.alive()


@pytest.mark.long
@pytest.mark.terraform
@pytest.mark.parametrize("moment", ["starting the emulated AWS", "two repositories report"])
def test_the_demo_leaves_neither_a_process_nor_a_folder(tmp_path: Path, moment: str) -> None:
    with _running(tmp_path, "demo") as child:
        _saying(tmp_path, moment)
        (root,) = (tmp_path / "tmp").glob("gromit-demo-*")
        record = read_supervisor_state(CloudPaths(root).processes)
        assert _interrupt(child) == 130
    lines = _said(tmp_path)
    assert (lines[-1], lines.count("interrupted")) == ("interrupted", 1)
    assert list((tmp_path / "tmp").glob("gromit-demo-*")) == []
    if record is not None:
        assert wait_for_exit(record.processes, PATIENCE_S) == []
