"""Events of terraform's `-json` output, the summary of a run, and lines for people.

The format grows with each release of terraform, so unknown lines are events as well:
`UnparsedLine`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

Mask = Callable[[str], str]
"""Remove secrets from a text."""

LONGEST = 1000
"""Largest length of an error, in characters: messages go into rows and events."""

_STRAYS = 100
_ADDRESS = re.compile(r'(?:module\.component\["([^"]+)"\]\.)?(.+)')
_FRAME = re.compile(r"^[\s╷│╵]+", re.MULTILINE)
_COUNTED = re.compile(r"(.+) \[(\d{1,9})/(\d{1,9})\]")
_PLANNED = re.compile(r"(\d{1,9}) to create, (\d{1,9}) to change, (\d{1,9}) to destroy")
_SEVERITIES = ("error: ", "warning: ")
_DID = {"create": "created", "update": "changed", "delete": "destroyed", "read": "read"}


@dataclass(frozen=True, slots=True)
class ProgramStarted:
    """The program began; `program` is its product and version."""

    program: str


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """Number of changes that are planned (`plan`) or done (`apply`, `destroy`)."""

    operation: str
    add: int
    change: int
    remove: int


@dataclass(frozen=True, slots=True)
class ResourceApplied:
    """A resource was created, changed or destroyed."""

    address: str
    action: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ResourceErrored:
    """A resource could not be created, changed or destroyed; a `Diagnostic` says why."""

    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Error or warning of terraform."""

    is_error: bool
    summary: str
    detail: str
    address: str

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.summary, self.detail) if part)
        place = f" ({short_address(self.address)})" if self.address else ""
        return (text[:LONGEST] + place).strip()


@dataclass(frozen=True, slots=True)
class StackOutputs:
    """Values of the stack's outputs, without sensitive ones."""

    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class UnparsedLine:
    """Line without a meaning for gromit; `text` is the original line if it is not JSON."""

    text: str = ""


TerraformEvent = (
    ProgramStarted
    | ChangeSummary
    | ResourceApplied
    | ResourceErrored
    | Diagnostic
    | StackOutputs
    | UnparsedLine
)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Summary of the events of a run."""

    program: str = ""
    """Product and version, such as `terraform 1.11.4`; empty if it ended before it said so."""
    planned: int = 0
    """Number of planned changes."""
    done: int = 0
    """Number of resources applied."""
    components: frozenset[str] = frozenset()
    """Components of which a resource was applied."""
    error: Diagnostic | None = None
    """First error; later ones are mostly its consequences."""
    outputs: Mapping[str, object] = field(default_factory=dict)
    stray: tuple[str, ...] = ()
    """First lines that are not JSON: errors from before terraform starts its JSON output."""


def parse_event(line: str, mask: Mask) -> TerraformEvent:
    """Parse one line of the output and mask its secrets. Never raises.

    The text of an `UnparsedLine` is not masked: `failure_reason` masks all such lines together.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return UnparsedLine(line)
    if not isinstance(message, dict):
        return UnparsedLine(line)
    kind = _text(message, "type")
    if kind not in _PARSERS:
        return UnparsedLine()
    return _PARSERS[kind](message, mask)


def fold_event(course: RunSummary, event: TerraformEvent) -> RunSummary:
    """Return the summary of a run after one more event."""
    return replace(course, **_updates(course, event))


def _updates(course: RunSummary, event: TerraformEvent) -> dict[str, Any]:
    """Return the fields of the summary that an event changes."""
    changed: dict[str, Any] = {}
    match event:
        case ProgramStarted(program=program):
            changed["program"] = program
        case ChangeSummary(operation="plan"):
            changed["planned"] = event.add + event.change + event.remove
        case ResourceApplied():
            changed["done"] = course.done + 1
            changed["components"] = course.components | _components(event.address)
        case Diagnostic(is_error=True) if course.error is None:
            changed["error"] = event
        case StackOutputs(values=values) if values:
            changed["outputs"] = values
        case UnparsedLine(text=text) if text.strip():
            changed["stray"] = (*course.stray, text)[:_STRAYS]
        case ChangeSummary() | ResourceErrored() | Diagnostic() | StackOutputs() | UnparsedLine():
            pass
        case _:
            assert_never(event)
    return changed


def _components(address: str) -> frozenset[str]:
    """Return the component that a resource belongs to, if it belongs to one."""
    match = _ADDRESS.fullmatch(address)
    return frozenset(filter(None, match.groups()[:1])) if match else frozenset()


def describe_event(event: TerraformEvent, course: RunSummary) -> str | None:
    """Describe an event in one line for people, with the `course` after it.

    An example is `aws_ecs_service.this tyk: created (3s) [12/42]`. Return None for events that
    people need not see.
    """
    match event:
        case ChangeSummary(operation="plan"):
            return f"{event.add} to create, {event.change} to change, {event.remove} to destroy"
        case ResourceApplied():
            did = _DID.get(event.action, event.action)
            count = f"[{course.done}/{course.planned}]"
            return f"{short_address(event.address)}: {did} ({event.seconds}s) {count}"
        case ResourceErrored():
            return f"{short_address(event.address)}: not {_DID.get(event.action, event.action)}"
        case Diagnostic():
            severity = "error" if event.is_error else "warning"
            return f"{severity}: {event}"
        case ProgramStarted() | ChangeSummary() | StackOutputs() | UnparsedLine():
            return None
        case _:
            assert_never(event)


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """A line of progress in parts; `total` is None if the line counts nothing."""

    text: str
    done: int = 0
    total: int | None = None


def parse_step(line: str) -> ProgressStep | None:
    """Return the parts of a line that `describe_event` or a worker wrote.

    None for an error and a warning, which are no steps.
    """
    if line.startswith(_SEVERITIES):
        return None
    if match := _COUNTED.fullmatch(line):
        return ProgressStep(match[1], int(match[2]), int(match[3]))
    if match := _PLANNED.fullmatch(line):
        return ProgressStep(line, 0, sum(map(int, match.groups())))
    return ProgressStep(line)


def short_address(address: str) -> str:
    """Shorten a resource's address for people.

    `module.component["tyk"].aws_ecs_service.this` becomes `aws_ecs_service.this tyk`.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or match[1] is None:
        return address
    return f"{match[2]} {match[1]}"


def failure_reason(course: RunSummary, stderr: str, mask: Mask) -> str:
    """Reason of a failed run in one line.

    It is the first error event, else standard error, else the lines that are not JSON.
    """
    if course.error is not None:
        return str(course.error)
    return (
        error_without_frame(stderr, mask)
        or error_without_frame("\n".join(course.stray), mask)
        or "it gave no reason"
    )


def error_without_frame(text: str, mask: Mask) -> str:
    """Extract the error from terraform's output for people, in one line and without its frame.

    It starts after the first `Error:`; without one, it is all of the text.
    """
    plain = _FRAME.sub("", mask(text))
    _, found, rest = plain.partition("Error: ")
    return " ".join((rest if found else plain).split())[:LONGEST]


def _version(message: Mapping[str, Any], mask: Mask) -> TerraformEvent:
    """Return the program of a version event: each product has its version under its own key."""
    for key, product in _PRODUCTS.items():
        if version := _text(message, key):
            return ProgramStarted(mask(f"{product} {version}")[:LONGEST])
    return UnparsedLine()


def _summary(message: Mapping[str, Any], _mask: Mask) -> TerraformEvent:
    changes = _part(message, "changes")
    return ChangeSummary(
        _text(changes, "operation"),
        _count(changes, "add"),
        _count(changes, "change"),
        _count(changes, "remove"),
    )


def _applied(message: Mapping[str, Any], mask: Mask) -> TerraformEvent:
    hook = _part(message, "hook")
    return ResourceApplied(
        mask(_address(hook)), _text(hook, "action"), _count(hook, "elapsed_seconds")
    )


def _errored(message: Mapping[str, Any], mask: Mask) -> TerraformEvent:
    hook = _part(message, "hook")
    return ResourceErrored(mask(_address(hook)), _text(hook, "action"))


def _diagnostic(message: Mapping[str, Any], mask: Mask) -> TerraformEvent:
    diagnostic = _part(message, "diagnostic")
    summary, detail, address = (
        " ".join(mask(_text(diagnostic, key)).split()) for key in ("summary", "detail", "address")
    )
    return Diagnostic(diagnostic.get("severity") == "error", summary, detail, address)


def _outputs(message: Mapping[str, Any], _mask: Mask) -> TerraformEvent:
    outputs = _part(message, "outputs").items()
    return StackOutputs({name: output["value"] for name, output in outputs if _is_public(output)})


def _is_public(output: object) -> bool:
    return isinstance(output, dict) and "value" in output and not output.get("sensitive")


_PRODUCTS = {"terraform": "terraform", "tofu": "opentofu"}
_PARSERS: Mapping[str, Callable[[Mapping[str, Any], Mask], TerraformEvent]] = {
    "version": _version,
    "change_summary": _summary,
    "apply_complete": _applied,
    "apply_errored": _errored,
    "diagnostic": _diagnostic,
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
