"""CPU time and modules of commands: from the start of Python to its end.

Commands that ask serve, and passes without work, which a schedule starts every few minutes. Their
installation has next to nothing, so almost all of the time is that of the start.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.bench.law import Curve, Extent, Goal, Law, Measured
from tests.cli.empty_installation import (
    PASS_MODULES,
    besides_python,
    empty_installation,
    operator_variables,
    pass_variables,
    run_command,
)

ASKING_S, PASS_S = 0.2, 0.6
"""CPU time on a machine that does nothing else."""
MODULES = 73
"""Modules of a command that asks serve, besides Python's own."""
COMMANDS: Sequence[tuple[Sequence[str], float, int]] = (
    (("env", "list"), ASKING_S, MODULES),
    (("suspend", "list"), ASKING_S, MODULES),
    (("sow",), PASS_S, PASS_MODULES["sow"]),
    (("reap",), PASS_S, PASS_MODULES["reap"]),
    (("chitragupta",), PASS_S, PASS_MODULES["chitragupta"]),
)
"""Commands, with the largest CPU time and number of modules."""
RUNS = 5


def _cpu_s(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """Return the CPU time of a command in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "gromit", *arguments],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"gromit {' '.join(arguments)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def _goals(
    extent: Extent,
    command: tuple[Sequence[str], float, int],
    variables: Mapping[str, str],
) -> tuple[Goal, Goal]:
    """Return the goals of a command: its CPU time, and its modules."""
    arguments, most_s, most_modules = command
    name = " ".join(["gromit", *arguments])
    extent.say(name)
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_", "COV"))}
    environ = {**ours, "HOME": str(extent.folder), **variables}
    runs = int(extent.pick(whole=RUNS, small=2, smallest=1))
    cpu_s = statistics.median(_cpu_s(arguments, environ) for _ in range(runs))
    _, modules = run_command(*arguments, home=extent.folder, **variables)
    return (
        Goal(what=f"CPU time of `{name}`", unit="s", limit=most_s, measured=cpu_s),
        Goal(
            what=f"modules of `{name}`, besides Python's own",
            unit="modules",
            limit=most_modules,
            measured=len(besides_python(modules)),
            is_count=True,
        ),
    )


def _measure(extent: Extent) -> Measured:
    root = extent.folder / "root"
    commands = COMMANDS[1:3] if extent.is_smallest else COMMANDS
    with empty_installation() as url:
        variables = {
            **pass_variables(url),
            **operator_variables(extent.folder / "pki"),
            "GROMIT_ROOT": str(root),
        }
        run_command("root", "init", str(root), home=extent.folder)
        found = [_goals(extent, command, variables) for command in commands]
    points = sorted((modules.measured, cpu.measured) for cpu, modules in found)
    return Measured(
        tuple(goal for goals in found for goal in goals),
        Curve("modules of a command", "CPU time, s", tuple(points)),
    )


LAW = Law(
    "A command that asks serve takes 0.2 s of CPU time, and a pass without work 0.6 s.",
    _measure,
    held_by=("tests/cli/test_start_up.py", "tests/cli/test_asking_serve.py"),
)
