"""A Dockerfile as values: stages with their instructions.

It supports only the syntax that our Dockerfile uses, and refuses everything else.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_KNOWN = {
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "FROM",
    "HEALTHCHECK",
    "RUN",
    "USER",
    "VOLUME",
    "WORKDIR",
}
_FLAG = re.compile(r"--([a-z-]+)=(\S+)\s+")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `COPY --from=wheel /dist /dist`."""

    word: str
    flags: Mapping[str, str]
    text: str
    line: int

    @property
    def words(self) -> list[str]:
        """Words of the text: from its JSON form, or as a shell splits them."""
        value: list[str] = (
            json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)
        )
        return value


@dataclass(frozen=True, slots=True)
class Stage:
    """Instructions between one FROM and the next."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> list[Instruction]:
        """Return the instructions of one kind."""
        return [each for each in self.instructions if each.word == word]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """Arguments before the first stage, and the stages by name, in order."""

    arguments: Mapping[str, str]
    stages: Mapping[str, Stage]

    @property
    def last(self) -> Stage:
        """Stage that is built by default."""
        return list(self.stages.values())[-1]

    def line_of(self, stage: Stage) -> list[Stage]:
        """Return a stage and our stages below it, the lowest first."""
        below = self.stages.get(stage.base)
        return [*(self.line_of(below) if below else []), stage]


def read(path: Path = ROOT / "Dockerfile") -> Dockerfile:
    """Return the Dockerfile at `path`. Raises `ValueError` for unknown syntax."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Dockerfile:
    """Parse the text of a Dockerfile. Raises `ValueError` for unknown syntax."""
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    parts: list[Instruction] = []
    for each in _instructions(text):
        if each.word == "FROM":
            base, _, name = each.words if len(each.words) == 3 else (*each.words, "", "")
            parts = []
            stages[name] = Stage(name, base, ())
        elif not stages:
            arguments.update([_pair(each)])
        else:
            parts.append(each)
            last = list(stages.values())[-1]
            stages[last.name] = Stage(last.name, last.base, tuple(parts))
    return Dockerfile(arguments, stages)


def _instructions(text: str) -> Iterator[Instruction]:
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not (line.strip() or pending):
            continue
        start = start if pending else number
        pending += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield _instruction(pending, start)
            pending = ""
    if pending:
        raise ValueError(f"line {start} goes on after the end")


def _instruction(line: str, number: int) -> Instruction:
    word, _, rest = line.strip().partition(" ")
    if word not in _KNOWN:
        raise ValueError(f"line {number}: {word} is not known here")
    flags = {}
    while word != "RUN" and (found := _FLAG.match(rest)):
        flags[found[1]] = found[2]
        rest = rest[found.end() :]
    return Instruction(word, flags, rest.strip(), number)


def _pair(instruction: Instruction) -> tuple[str, str]:
    if instruction.word != "ARG" or "=" not in instruction.text:
        raise ValueError(
            f"line {instruction.line}: only an ARG with a value is allowed before the first stage"
        )
    name, _, value = instruction.text.partition("=")
    return name, value
