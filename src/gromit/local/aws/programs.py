"""Real programs that run in place of simulated components: command lines, and the right to run.

This module is quick to import.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gromit.errors import ConfigError, InvalidInput

ADDRESS = "{address}"
"""Placeholder for the private address of a task."""

PROGRAM_TASK = (sys.executable, "-I", "-m", "gromit.local.aws.program_task")
"""Beginning of the command line of a container with a real program."""

_SHAPE = "give it as COMPONENT=PATH, or as 'COMPONENT=NAME=VALUE PATH ARGUMENT…'"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealProgram:
    """A program of this machine that runs in place of a component, with what is given beside it."""

    path: str
    """Absolute path of the executable."""
    arguments: tuple[str, ...] = ()
    """Arguments after those of the task definition; `{address}` is the address of the task."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables besides those of the task definition, which they override, with `{address}`."""
    folder: str | None = None
    """Folder that it starts in; None for an empty one."""

    def arguments_at(self, address: str) -> tuple[str, ...]:
        """Return its own arguments for a task with an address."""
        return tuple(argument.replace(ADDRESS, address) for argument in self.arguments)

    def variables_at(self, address: str) -> dict[str, str]:
        """Return its own variables for a task with an address."""
        return {name: value.replace(ADDRESS, address) for name, value in self.variables.items()}


@dataclass(frozen=True, slots=True)
class ProgramFolder:
    """Folder of a cloud with what its programs share."""

    path: Path

    @property
    def hosts(self) -> Path:
        """The hosts file that programs see."""
        return self.path / "hosts"

    @property
    def root(self) -> Path:
        """Empty folder on which each program gets a view of this machine's files."""
        return self.path / "root"

    def make(self) -> None:
        """Create what is missing."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.hosts.touch()


def parse_programs(
    texts: Sequence[str], environ: Mapping[str, str] = os.environ
) -> dict[str, RealProgram]:
    """Return programs by component. Raises `InvalidInput` if a text names no executable program.

    A text is a component's name, `=`, and a command in the shape of a shell: variables first, then
    the program, then arguments.
    """
    found: dict[str, RealProgram] = {}
    for text in texts:
        component, separator, command = text.partition("=")
        if not separator or not component:
            raise InvalidInput(f"{text!r} names no component and program", hint=_sentence(_SHAPE))
        if component in found:
            raise InvalidInput(
                f"there are two programs for {component}",
                hint="Give --program once for each component.",
            )
        found[component] = _parse(component, command, environ)
    return found


def _parse(component: str, command: str, environ: Mapping[str, str]) -> RealProgram:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(
            f"cannot read the command of {component}: {str(error).lower()}",
            hint="Quote it as for a shell.",
        ) from error
    variables: dict[str, str] = {}
    while words and words[0].partition("=")[0].isidentifier() and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if not words:
        raise InvalidInput(f"there is no program for {component}", hint=_sentence(_SHAPE))
    path = _executable(component, words[0], environ)
    return RealProgram(
        path=path,
        arguments=tuple(words[1:]),
        variables=variables,
        folder=_folder(path, environ),
    )


def _executable(component: str, name: str, environ: Mapping[str, str]) -> str:
    found = shutil.which(os.path.expanduser(name), path=environ.get("PATH", os.defpath))  # noqa: PTH111
    if found is None:
        raise InvalidInput(
            f"the program of {component}, {name}, is not an executable file",
            hint="Name an executable file, or a program on the PATH.",
        )
    # Unlike Path.resolve, this keeps links: some programs act by the name that they are called.
    return os.path.abspath(found)  # noqa: PTH100


def _folder(path: str, environ: Mapping[str, str]) -> str | None:
    """Return the folder of a program, as images start theirs in it; None if it is on the PATH.

    Programs of the system share their folder. What they write belongs elsewhere.
    """
    folder = os.path.dirname(path)  # noqa: PTH120
    return None if folder in environ.get("PATH", os.defpath).split(os.pathsep) else folder


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def require_namespaces(folder: ProgramFolder, launcher: Sequence[str] = ()) -> None:
    """Raise `ConfigError` if this user cannot give a program files of its own on this system.

    `launcher` is a command that runs the trial.
    """
    folder.make()
    trial = subprocess.run(  # noqa: S603 - our own program
        [*launcher, *PROGRAM_TASK, "check", str(folder.root), str(folder.hosts)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if trial.returncode == 0:
        return
    said = (trial.stdout.strip() or trial.stderr.strip()).rpartition("\n")[2]
    # The name of the program that the trial runs says nothing.
    reason = said.partition(f"{sys.executable}: ")[2] or said
    raise ConfigError(
        f"this system permits no mount namespace, which --program needs: {reason}",
        hint="Run as root, or permit user namespaces: see the sysctls user.max_user_namespaces,"
        " user.max_mnt_namespaces, kernel.unprivileged_userns_clone and"
        " kernel.apparmor_restrict_unprivileged_userns.",
    )
