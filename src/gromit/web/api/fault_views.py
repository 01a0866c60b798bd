"""Failures, damaged rows and suspensions as clients see them."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gromit.core.environments.environment import Environment, unreadable_row
from gromit.core.environments.failures import Failure, FailureClass, remedy_of
from gromit.core.environments.phases import UNREADABLE
from gromit.core.environments.suspensions import ActiveSuspension, ScopeKind
from gromit.core.environments.work import impossible_work
from gromit.core.time import iso
from gromit.services.environments import UnreadableEntry


@dataclass(frozen=True, slots=True)
class LastLinesView:
    """Last lines that a stopped task wrote, shortened."""

    component: str
    task: str
    """Id of the ECS task."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FailureView:
    """Last failure; cleared by a success or a change."""

    kind: str
    failure_class: Annotated[FailureClass, Field(serialization_alias="class")]
    """Class that decides the pause and the people to act: docs/reference/errors.md."""
    message: str
    at: str
    remedy: str | None
    """Action that a person has to take first; null if gromit tries again by itself."""
    output: tuple[LastLinesView, ...] = ()
    """Last lines of tasks that stopped, if that was the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionView:
    """A suspension that is in force."""

    scope: ScopeKind
    target: str | None
    """Environment or repository; null for all processing."""
    via: str
    """`serve`, or `file`: the file in the config root, as a worker reported it."""
    reason: str
    by: str
    since: str
    until: str | None
    text: str
    """All of it as one line for people."""
    remedy: str


@dataclass(frozen=True, slots=True)
class RowFaultView:
    """Why a row cannot be read, and what to do."""

    kind: str
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class SetAsideView:
    """A row that cannot be parsed: no worker takes its environment."""

    name: str
    phase: str
    """Always `unreadable`."""
    error: RowFaultView


def failure_view(failure: Failure | None) -> FailureView | None:
    """Return the last failure; None if there is none."""
    if failure is None:
        return None
    at = iso(failure.at_ms)
    output = tuple(LastLinesView(o.component, o.task, o.lines) for o in failure.output)
    return _view(failure.kind, failure.failure_class, failure.message, at, output)


def contradiction_view(environment: Environment) -> FailureView | None:
    """Return why no worker can ever claim the work of an environment, as its failure."""
    if environment.work is None or environment.lease is not None:
        return None
    reason = impossible_work(environment.work, environment.row)
    if reason is None:
        return None
    fault = unreadable_row(environment.name, reason)
    text, at = f"{fault.message} ({fault.hint})", iso(environment.changed_ms)
    return _view(fault.code, FailureClass.PERSON, text, at)


def _view(
    kind: str,
    failure_class: FailureClass,
    message: str,
    at: str,
    output: tuple[LastLinesView, ...] = (),
) -> FailureView:
    remedy = remedy_of(failure_class, message)
    return FailureView(kind, failure_class, message, at, remedy, output)


def set_aside(entry: UnreadableEntry) -> SetAsideView:
    """Return a row that cannot be parsed as a line of a list."""
    fault = entry.fault
    reason = RowFaultView(fault.code, fault.message, fault.hint)
    return SetAsideView(entry.name, UNREADABLE, reason)


def suspension(found: ActiveSuspension) -> SuspensionView:
    """Return a suspension as clients see it."""
    return SuspensionView(
        scope=found.scope.kind,
        target=found.scope.target or None,
        via="file" if found.is_file else "serve",
        reason=found.reason,
        by=found.by,
        since=found.since,
        until=iso(found.until_ms) if found.until_ms is not None and not found.is_file else None,
        text=str(found),
        remedy=found.remedy,
    )
