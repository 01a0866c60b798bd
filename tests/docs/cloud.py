"""A local cloud for the pages, started and stopped with the commands that a reader uses."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GROMIT = (sys.executable, "-m", "gromit")


def variables() -> dict[str, str]:
    """Return variables of a reader's shell, without other installations and `.venv` on the PATH."""
    foreign = ("AWS_", "GROMIT_", "TF_", "XDG_", "VIRTUAL_ENV")
    own = str(Path(sys.executable).parent)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    path = os.pathsep.join(p for p in kept["PATH"].split(os.pathsep) if p != own)
    return {**kept, "PATH": path, "LC_ALL": "C.UTF-8"}


@contextmanager
def ended(folder: Path) -> Iterator[None]:
    """Stop the cloud in a folder after the block, whatever happens in it."""
    try:
        yield
    finally:
        down = [*GROMIT, "local", "down", "--dir", str(folder)]
        subprocess.run(down, env=variables(), capture_output=True, check=True, timeout=240)
