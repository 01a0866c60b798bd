"""A local cloud for the pages of `docs`, brought up and down by the command as a reader would do it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GROMIT = (sys.executable, "-m", "gromit")


def variables() -> dict[str, str]:
    """The environment of a reader's shell: nothing of other installations, and the repository's `.venv` is not on its PATH yet."""
    foreign = ("AWS_", "GROMIT_", "TF_", "XDG_", "VIRTUAL_ENV")
    own = str(Path(sys.executable).parent)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    path = os.pathsep.join(p for p in kept["PATH"].split(os.pathsep) if p != own)
    return {**kept, "PATH": path, "LC_ALL": "C.UTF-8"}


@contextmanager
def ended(folder: Path) -> Iterator[None]:
    """See to it that the cloud in a folder is down after the block, whatever happens in it."""
    try:
        yield
    finally:
        down = [*GROMIT, "local", "down", "--dir", str(folder)]
        subprocess.run(down, env=variables(), capture_output=True, check=True, timeout=240)
