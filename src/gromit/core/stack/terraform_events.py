"""What terraform says: its `-json` stream as events, what they add up to, and lines for people.

The stream is a foreign format that grows with each release, so every line is an event, if only `Other`.
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
class Summary:
    """How much there is to do (`plan`), or was done (`apply`, `destroy`)."""

    operation: str
    add: int
    change: int
    remove: int


@dataclass(frozen=True, slots=True)
class Done:
    """One resource was made, changed or destroyed."""

    address: str
    action: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Undone:
    """One resource could not be made, changed or destroyed; an `Alarm` says why."""

    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """An error or a warning."""

    is_error: bool
    summary: str
    detail: str
    address: str

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.summary, self.detail) if part)
        return (text[:LONGEST] + (f" ({short_address(self.address)})" if self.address else "")).strip()


@dataclass(frozen=True, slots=True)
class Outputs:
    """Values of the stack's outputs that are not marked sensitive."""

    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Other:
    """Anything that changes nothing for us; `text`, as it came, if it was no JSON at all."""

    text: str = ""


Event = Summary | Done | Undone | Alarm | Outputs | Other


@dataclass(frozen=True, slots=True)
class Course:
    """What a run has said so far."""

    planned: int = 0
    done: int = 0
    error: Alarm | None = None
    """The first error: those after it are mostly its consequences."""
    outputs: Mapping[str, object] = field(default_factory=dict)
    stray: tuple[str, ...] = ()
    """The first lines that were no JSON: how terraform fails before it starts to speak JSON."""


def parse_event(line: str, mask: Mask) -> Event:
    """One line of the stream, secrets masked (but in `Other`, which is masked as a whole by `complaint`). Never raises."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return Other(line)
    if not isinstance(message, dict):
        return Other(line)
    kind = _text(message, "type")
    return _PARSERS[kind](message, mask) if kind in _PARSERS else Other()


def advance(course: Course, event: Event) -> Course:
    """The course of a run after one more event."""
    match event:
        case Summary(operation="plan"):
            return replace(course, planned=event.add + event.change + event.remove)
        case Done():
            return replace(course, done=course.done + 1)
        case Alarm(is_error=True) if course.error is None:
            return replace(course, error=event)
        case Outputs(values=values) if values:
            return replace(course, outputs=values)
        case Other(text=text) if text.strip():
            return replace(course, stray=(*course.stray, text)[:_STRAYS])
        case Summary() | Undone() | Alarm() | Outputs() | Other():
            return course
        case _:
            assert_never(event)


def describe(event: Event, course: Course) -> str | None:
    """One line about an event for people, given the course after it; None for what is not worth one.

    `aws_ecs_service.this tyk: created (3s) [12/42]`
    """
    match event:
        case Summary(operation="plan"):
            return f"{event.add} to make, {event.change} to change, {event.remove} to destroy"
        case Done():
            did = _DID.get(event.action, event.action)
            return f"{short_address(event.address)}: {did} ({event.seconds}s) [{course.done}/{course.planned}]"
        case Undone():
            return f"{short_address(event.address)}: not {_DID.get(event.action, event.action)}"
        case Alarm():
            return f"{'error' if event.is_error else 'warning'}: {event}"
        case Summary() | Outputs() | Other():
            return None
        case _:
            assert_never(event)


def short_address(address: str) -> str:
    """A resource's address for people: `aws_ecs_service.this tyk` for `module.component["tyk"].aws_ecs_service.this`."""
    match = _ADDRESS.fullmatch(address)
    if match is None or match[1] is None:
        return address
    return f"{match[2]} {match[1]}"


def complaint(course: Course, stderr: str, mask: Mask) -> str:
    """Why a run failed, in one line: its first error, else what it wrote instead of JSON or on standard error."""
    if course.error is not None:
        return str(course.error)
    return framed_error(stderr, mask) or framed_error("\n".join(course.stray), mask) or "it gave no reason"


def framed_error(text: str, mask: Mask) -> str:
    """The error in what terraform writes for people: from the first `Error:` on, without its frame; else all of it."""
    plain = _FRAME.sub("", mask(text))
    _, found, rest = plain.partition("Error: ")
    return " ".join((rest if found else plain).split())[:LONGEST]


def _summary(message: Mapping[str, Any], _mask: Mask) -> Event:
    changes = _part(message, "changes")
    return Summary(_text(changes, "operation"), _count(changes, "add"), _count(changes, "change"), _count(changes, "remove"))


def _done(message: Mapping[str, Any], mask: Mask) -> Event:
    hook = _part(message, "hook")
    return Done(mask(_address(hook)), _text(hook, "action"), _count(hook, "elapsed_seconds"))


def _undone(message: Mapping[str, Any], mask: Mask) -> Event:
    hook = _part(message, "hook")
    return Undone(mask(_address(hook)), _text(hook, "action"))


def _alarm(message: Mapping[str, Any], mask: Mask) -> Event:
    diagnostic = _part(message, "diagnostic")
    summary, detail, address = (" ".join(mask(_text(diagnostic, key)).split()) for key in ("summary", "detail", "address"))
    return Alarm(diagnostic.get("severity") == "error", summary, detail, address)


def _outputs(message: Mapping[str, Any], _mask: Mask) -> Event:
    outputs = _part(message, "outputs").items()
    return Outputs({n: o["value"] for n, o in outputs if isinstance(o, dict) and "value" in o and not o.get("sensitive")})


_PARSERS: Mapping[str, Callable[[Mapping[str, Any], Mask], Event]] = {
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
