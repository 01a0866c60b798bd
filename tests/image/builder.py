"""Builds stages of a Dockerfile without containers, with this machine's shell and Python.

Each stage has a folder; a path of the container (`/opt/gromit`) becomes one in that folder. This
cannot show the contents of the base image or what only root may do. Such commands are skipped, and
the test lists them.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from tests.image.dockerfile import ROOT, Dockerfile, Instruction, Stage

_OURS = re.compile(r"(?<![\w.:/}])/(?=(?:build|dist|opt|requirements|src|state)\b)")
"""Beginnings of absolute paths that the Dockerfile creates."""
_OF_ROOT = re.compile(r"\b(groupadd|useradd|install --directory --owner)\b")
_LIMIT_S = 400


@dataclass
class Builder:
    """Builds the project's tree in `folder`; `arguments` are like those of `--build-arg`."""

    dockerfile: Dockerfile
    folder: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    base: Path | None = None
    """Folder of the base image's Python and pip; None: it is created."""
    python: str = sys.executable
    skipped: list[str] = field(default_factory=list)
    printed: str = ""

    def build(self, name: str) -> Path:
        """Build a stage and all that it copies from; return its folder.

        Raises `AssertionError` with the output of a failed command.
        """
        place = self.folder / name
        if not place.exists():
            place.mkdir(parents=True)
            state = _State(place, self._base_path())
            for stage in self.dockerfile.line_of(self.dockerfile.stages[name]):
                for each in stage.instructions:
                    self._follow(each, state, stage)
        return place

    def _base_path(self) -> str:
        """Return the PATH of the base image: one Python with pip, and the system's commands."""
        if self.base is None:
            subprocess.run(
                [self.python, "-m", "venv", str(self.folder / "base")], check=True, timeout=_LIMIT_S
            )
            self.base = self.folder / "base/bin"
        return f"{self.base}:/usr/bin:/bin"

    def _follow(self, each: Instruction, state: "_State", stage: Stage) -> None:
        match each.word:
            case "ARG":
                name, _, value = each.text.partition("=")
                state.variables[name] = self.arguments.get(name, value)
            case "ENV":
                name, _, value = each.text.partition("=")
                state.variables[name] = state.inside(value).replace(
                    "$PATH", state.variables["PATH"]
                )
            case "WORKDIR":
                state.work = Path(state.inside(each.text))
                state.work.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(each, state)
            case "RUN" if _OF_ROOT.search(each.text):
                self.skipped.append(f"{stage.name}: {each.text}")
            case "RUN":
                self._run(each, state)
            case _:
                pass  # all others describe how the image is run

    def _copy(self, each: Instruction, state: "_State") -> None:
        *sources, to = each.words
        target = Path(state.inside(to)) if to.startswith("/") else state.work / to
        for source in sources:
            found = (
                self.build(each.flags["from"]) / source.lstrip("/")
                if "from" in each.flags
                else ROOT / source
            )
            assert "from" in each.flags or is_sent(source), (
                f"{source} is kept from the build by .dockerignore"
            )
            if found.is_dir():
                shutil.copytree(
                    found,
                    target,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"),
                    symlinks=True,
                )
            else:
                into = target / found.name if to.endswith("/") else target
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, into)

    def _run(self, each: Instruction, state: "_State") -> None:
        argv = ["sh", "-euc", state.inside(each.text)]
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "HOME", "SSL_", "UV_", "TMPDIR"))
        }
        environ = kept | state.variables | {"PIP_ROOT_USER_ACTION": "ignore"}
        done = subprocess.run(
            argv,
            cwd=state.work,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_S,
        )
        self.printed += done.stdout + done.stderr
        assert done.returncode == 0, f"line {each.line}: {done.stdout}{done.stderr}"


class _State:
    """State of a stage's build."""

    def __init__(self, place: Path, path: str) -> None:
        self.place = place
        self.work = place
        self.variables = {"PATH": path}

    def inside(self, text: str) -> str:
        """Return `text` with the container's paths moved into the stage's folder."""
        return _OURS.sub(f"{self.place}/", text)


def is_sent(path: str, rules: str = (ROOT / ".dockerignore").read_text(encoding="utf-8")) -> bool:
    """Whether a path is part of the build context: the last matching rule of `.dockerignore`."""
    sent = True
    for rule in (
        line.strip() for line in rules.splitlines() if line.strip() and not line.startswith("#")
    ):
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        tails = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)] + (
            parts if "**/" in rule else []
        )
        if any(fnmatch(tail, pattern) for tail in tails):
            sent = rule.startswith("!")
    return sent
