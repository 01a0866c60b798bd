"""The comment and the summary of a job, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gromit_action.environments import FAILED, LATE, READY, SUPERSEDED, Outcome
from gromit_action.markdown import code, link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gromit_action.environments import Environment, Row

TASKS, LAST_LINES = 3, 5
"""Stopped tasks, and lines of each, that a page shows."""
LONGEST = 50_000
"""Characters of a page; GitHub accepts comments of 65,536."""


@dataclass(frozen=True)
class Run:
    """The run of the workflow that writes a page."""

    address: str
    """Its page at GitHub."""
    number: str
    at: str
    """The present instant, for people."""


def run_of(variables: Mapping[str, str], at: str) -> Run:
    """Return the run that the variables of the runner describe."""
    server, repository = variables.get("GITHUB_SERVER_URL", ""), variables["GITHUB_REPOSITORY"]
    address = f"{server}/{repository}/actions/runs/{variables.get('GITHUB_RUN_ID', '')}"
    return Run(address, variables.get("GITHUB_RUN_NUMBER", ""), at)


def environment_page(environment: Environment, outcome: Outcome | None, run: Run) -> str:
    """Return the page of an environment."""
    state = environment.phase if outcome is None else outcome.result
    mark = _MARKS.get(state, _UNDER_WAY)
    parts = [f"### {mark} Environment {code(environment.name)}: {code(state)}"]
    if outcome is None and (progress := environment.progress()):
        parts.append(code(progress))
    parts += _faults(environment, outcome)
    foot = _foot(environment, run)
    room = LONGEST - sum(map(len, [*parts, foot]))
    parts.append(_table(environment.rows(), room))
    return "\n\n".join([*filter(None, parts), foot]) + "\n"


def reported_page(name: str, version: str, run: Run) -> str:
    """Return the page of a build that was reported, and that this job does not follow."""
    head = f"### {_UNDER_WAY} Environment {code(name)}: reported"
    return f"{head}\n\nBuild: {code(version)}\n\n{_written(run)}\n"


def retired_page(branch: str, run: Run) -> str:
    """Return the page of a branch that was deleted."""
    head = f"### {_MARKS['gone']} Environment of branch {code(branch)}: retired"
    text = (
        "The branch was deleted, so this repository's part of the environment is retired."
        " The environment itself is deleted if no other repository has a build in it."
    )
    return f"{head}\n\n{text}\n\n{_written(run)}\n"


_MARKS = {
    READY: "🟢",
    FAILED: "🔴",
    "degraded": "🔴",
    LATE: "🟠",
    SUPERSEDED: "⚪",
    "parked": "⚪",
    "gone": "⚪",
    "deleting": "⚪",
    "reaping": "⚪",
}
_UNDER_WAY = "🟡"


def _faults(environment: Environment, outcome: Outcome | None) -> list[str]:
    reason = outcome.reason if outcome else environment.reason()
    remedy = outcome.remedy if outcome else ""
    lines = [f"**Why:** {code(reason)}"] if reason else []
    if remedy:
        lines.append(f"**Remedy:** {code(remedy)}")
    if outcome is None or outcome.result == FAILED:
        written = environment.last_lines()[:TASKS]
        lines += [_written_last(name, found[-LAST_LINES:]) for name, found in written if found]
    return lines


def _written_last(component: str, lines: list[str]) -> str:
    shown = "<br>".join(code(line, 200) for line in lines)
    return f"**Last lines of {code(component, 100)}:**<br>{shown}"


def _table(rows: list[Row], room: int) -> str:
    lines = ["| component | version | why | URL |", "| --- | --- | --- | --- |"]
    for at, row in enumerate(rows):
        line = _line(row)
        room -= len(line) + 1
        if room < 200:
            lines.append(f"| and {len(rows) - at} more | | | |")
            break
        lines.append(line)
    return "\n".join(lines) if rows else ""


def _line(row: Row) -> str:
    why = code(row.why, 200) + (f"<br>{code(row.note, 200)}" if row.note else "")
    url = link("open", row.url) if row.url else "-"
    return f"| {code(row.name, 100)} | {code(row.version, 100)} | {why} | {url} |"


def _foot(environment: Environment, run: Run) -> str:
    history = code(f"gromit env history {environment.name}")
    logs = code(f"gromit env logs {environment.name}")
    return f"What happened: {history} · What it wrote: {logs}\n\n{_written(run)}"


def _written(run: Run) -> str:
    return f"<sub>{link(f'Run {run.number}'.strip(), run.address)} wrote this at {run.at}.</sub>"
