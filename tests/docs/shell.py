"""Run the shell blocks of a page, in one shell as a reader would, and compare their output.

A block `sh` is run, and a block `text` after it is its output. In the output `…` matches anything
within a line, and a line that is only `…` matches any number of lines. Runs of blanks count as one.
A comment `<!-- again -->` before a block repeats the block until it prints the output, for a result
that takes time.
"""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.docs.markdown import Block, blocks

AGAIN = "again"
PATIENCE_S = 60.0
_PAUSE_S = 0.3
_SHOWN_ANYTHING = re.escape("…")


@dataclass(frozen=True, slots=True)
class Step:
    """A block to run, and its output; None if the page shows none."""

    command: Block
    shown: str | None


def steps(text: str) -> list[Step]:
    """Return the steps of a page.

    Raises `ValueError` for an output without a command, and for an unknown mark.
    """
    found: list[Step] = []
    before: Block | None = None
    for block in blocks(text):
        if block.mark not in {"", AGAIN} or (block.mark and block.language != "sh"):
            raise ValueError(f"line {block.line}: {block.mark!r} says nothing of this block")
        if block.language == "sh":
            found.append(Step(block, None))
        elif block.language == "text":
            if before is None or before.language != "sh":
                raise ValueError(f"line {block.line}: no command prints this text")
            found[-1] = Step(before, block.text)
        before = block
    return found


def is_as_shown(shown: str, printed: str) -> bool:
    """Whether the output is what the page shows."""
    parts = []
    for line in _lines(shown):
        if line == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(re.escape(line).replace(_SHOWN_ANYTHING, r"[^\n]*") + r"\n")
    return (
        re.fullmatch("".join(parts), "".join(f"{line}\n" for line in _lines(printed))) is not None
    )


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.strip().splitlines()]


class Shell:
    """A bash that runs all steps of one page."""

    def __init__(self, process: "subprocess.Popen[str]", output: Path) -> None:
        self._process = process
        self._output = output

    def follow(self, page: Path, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Run all steps of a page. Fail if a command fails or prints something else.

        `meanwhile` is called after each command and stands for what others do.
        """
        for step in steps(page.read_text(encoding="utf-8")):
            deadline = time.monotonic() + PATIENCE_S
            while wrong := self._wrong(step):
                where = f"{page.name}, line {step.command.line}"
                if step.command.mark != AGAIN or time.monotonic() > deadline:
                    pytest.fail(f"{where}: {wrong}", pytrace=False)
                threading.Event().wait(_PAUSE_S)
                meanwhile()
            meanwhile()

    def run(self, command: str, *, apart: bool = False) -> tuple[int, str]:
        """Return exit code and output of a command. A failure ends the shell unless run `apart`."""
        group = f"set +e; (set -e\n{command}\n)" if apart else f"set -e; {{\n{command}\n}}"
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        _write(stdin, f"{group} </dev/null >'{self._output}' 2>&1; echo $?\n")
        code = stdout.readline() or self._process.wait()
        return int(code), self._output.read_text(encoding="utf-8")

    def _wrong(self, step: Step) -> str:
        code, printed = self.run(step.command.text, apart=step.command.mark == AGAIN)
        if code:
            return f"exit code {code} of\n{step.command.text}which printed\n{printed}"
        if step.shown is not None and not is_as_shown(step.shown, printed):
            return f"{step.command.text}printed\n{printed}and not\n{step.shown}"
        return ""


@contextmanager
def shell(folder: Path, output: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """Start a shell in a folder, with only these variables."""
    process = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        try:
            yield Shell(process, output)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=30)


def _write(stream: IO[str], text: str) -> None:
    stream.write(text)
    stream.flush()
