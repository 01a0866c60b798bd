"""What terraform says: its `-json` stream as events, what they add up to, and lines for people.

The stream is a foreign format that grows with each release, so every line is an event, if only `UnparsedLine`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

Mask = Callable[[str], str]
"""Takes what must not be shown out of a text."""

LONGEST = 1000
"""Characters of an error that are kept: messages go into rows and events."""

_STRAYS = 100
_ADDRESS = re.compile(r'(?:module\.component\["([^"]+)"\]\.)?(.+)')
_FRAME = re.compile(r"^[\s╷│╵]+", re.MULTILINE)
_DID = {"create": "created", "update": "changed", "delete": "destroyed", "read": "read"}


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """How much there is to do (`plan`), or was done (`apply`, `destroy`)."""

    operation: str
    add: int
    change: int
    remove: int


@dataclass(frozen=True, slots=True)
class ResourceApplied:
    """One resource was made, changed or destroyed."""

    address: str
    action: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ResourceErrored:
    """One resource could not be made, changed or destroyed; an `Diagnostic` says why."""

    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning."""

    is_error: bool
    summary: str
    detail: str
    address: str

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.summary, self.detail) if part)
        return (
            text[:LONGEST] + (f" ({short_address(self.address)})" if self.address else "")
        ).strip()


@dataclass(frozen=True, slots=True)
class StackOutputs:
    """Values of the stack's outputs that are not marked sensitive."""

    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class UnparsedLine:
    """Anything that changes nothing for us; `text`, as it came, if it was no JSON at all."""

    text: str = ""


TerraformEvent = (
    ChangeSummary | ResourceApplied | ResourceErrored | Diagnostic | StackOutputs | UnparsedLine
)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run has said so far."""

    planned: int = 0
    done: int = 0
    error: Diagnostic | None = None
    """The first error: those after it are mostly its consequences."""
    outputs: Mapping[str, object] = field(default_factory=dict)
    stray: tuple[str, ...] = ()
    """The first lines that were no JSON: how terraform fails before it starts to speak JSON."""


def parse_event(line: str, mask: Mask) -> TerraformEvent:
    """One line of the stream, secrets masked. `failure_reason` masks the text of an `UnparsedLine` as a whole. Never raises."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return UnparsedLine(line)
    if not isinstance(message, dict):
        return UnparsedLine(line)
    kind = _text(message, "type")
    return _PARSERS[kind](message, mask) if kind in _PARSERS else UnparsedLine()


def fold_event(course: RunSummary, event: TerraformEvent) -> RunSummary:
    """The course of a run after one more event."""
    match event:
        case ChangeSummary(operation="plan"):
            return replace(course, planned=event.add + event.change + event.remove)
        case ResourceApplied():
            return replace(course, done=course.done + 1)
        case Diagnostic(is_error=True) if course.error is None:
            return replace(course, error=event)
        case StackOutputs(values=values) if values:
            return replace(course, outputs=values)
        case UnparsedLine(text=text) if text.strip():
            return replace(course, stray=(*course.stray, text)[:_STRAYS])
        case ChangeSummary() | ResourceErrored() | Diagnostic() | StackOutputs() | UnparsedLine():
            return course
        case _:
            assert_never(event)


def describe_event(event: TerraformEvent, course: RunSummary) -> str | None:
    """One line about an event for people, given the course after it; None for what is not worth one.

    `aws_ecs_service.this tyk: created (3s) [12/42]`
    """
    match event:
        case ChangeSummary(operation="plan"):
            return f"{event.add} to make, {event.change} to change, {event.remove} to destroy"
        case ResourceApplied():
            did = _DID.get(event.action, event.action)
            return f"{short_address(event.address)}: {did} ({event.seconds}s) [{course.done}/{course.planned}]"
        case ResourceErrored():
            return f"{short_address(event.address)}: not {_DID.get(event.action, event.action)}"
        case Diagnostic():
            return f"{'error' if event.is_error else 'warning'}: {event}"
        case ChangeSummary() | StackOutputs() | UnparsedLine():
            return None
        case _:
            assert_never(event)


def short_address(address: str) -> str:
    """A resource's address for people: `aws_ecs_service.this tyk` for `module.component["tyk"].aws_ecs_service.this`."""
    match = _ADDRESS.fullmatch(address)
    if match is None or match[1] is None:
        return address
    return f"{match[2]} {match[1]}"


def failure_reason(course: RunSummary, stderr: str, mask: Mask) -> str:
    """Why a run failed, in one line: its first error, else what it wrote instead of JSON or on standard error."""
    if course.error is not None:
        return str(course.error)
    return (
        error_without_frame(stderr, mask)
        or error_without_frame("\n".join(course.stray), mask)
        or "it gave no reason"
    )


def error_without_frame(text: str, mask: Mask) -> str:
    """The error in what terraform writes for people: from the first `Error:` on, without its frame; else all of it."""
    plain = _FRAME.sub("", mask(text))
    _, found, rest = plain.partition("Error: ")
    return " ".join((rest if found else plain).split())[:LONGEST]


def _summary(message: Mapping[str, Any], _mask: Mask) -> TerraformEvent:
    changes = _part(message, "changes")
    return ChangeSummary(
        _text(changes, "operation"),
        _count(changes, "add"),
        _count(changes, "change"),
        _count(changes, "remove"),
    )


def _done(message: Mapping[str, Any], mask: Mask) -> TerraformEvent:
    hook = _part(message, "hook")
    return ResourceApplied(
        mask(_address(hook)), _text(hook, "action"), _count(hook, "elapsed_seconds")
    )


def _undone(message: Mapping[str, Any], mask: Mask) -> TerraformEvent:
    hook = _part(message, "hook")
    return ResourceErrored(mask(_address(hook)), _text(hook, "action"))


def _alarm(message: Mapping[str, Any], mask: Mask) -> TerraformEvent:
    diagnostic = _part(message, "diagnostic")
    summary, detail, address = (
        " ".join(mask(_text(diagnostic, key)).split()) for key in ("summary", "detail", "address")
    )
    return Diagnostic(diagnostic.get("severity") == "error", summary, detail, address)


def _outputs(message: Mapping[str, Any], _mask: Mask) -> TerraformEvent:
    outputs = _part(message, "outputs").items()
    return StackOutputs(
        {
            n: o["value"]
            for n, o in outputs
            if isinstance(o, dict) and "value" in o and not o.get("sensitive")
        }
    )


_PARSERS: Mapping[str, Callable[[Mapping[str, Any], Mask], TerraformEvent]] = {
    "change_summary": _summary,
    "apply_complete": _done,
    "apply_errored": _undone,
    "diagnostic": _alarm,
    "outputs": _outputs,
}


def _part(message: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = message.get(key)
    return part if isinstance(part, dict) else {}


def _address(hook: Mapping[str, Any]) -> str:
    return _text(_part(hook, "resource"), "addr")


def _text(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    return value if isinstance(value, str) else ""


def _count(part: Mapping[str, Any], key: str) -> int:
    value = part.get(key)
    return value if isinstance(value, int) else 0
