"""Documents from outside: read YAML, and explain why a model refuses a document."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pydantic import ValidationError

_VALIDATOR_PREFIX = "Value error, "
_DEPTH_MAX = 100
"""Levels of a YAML document: far above any that we read, far below Python's recursion limit."""


class InvalidYaml(ValueError):
    """A document is not YAML. The text never quotes the document, which may hold a key."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line
        """Line of the fault, counted from 1; None if unknown."""


def parse_yaml(data: bytes, *, unique_keys: bool = False) -> object:
    """Return the value of a YAML document in UTF-8. Raises `InvalidYaml`.

    `unique_keys` refuses a mapping that has a key twice; otherwise the last one counts.
    """
    loader = _UniqueKeyLoader if unique_keys else _BoundedLoader
    try:
        return yaml.load(data, loader)  # noqa: S506 - both loaders are safe ones
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InvalidYaml(error.problem or "it is not YAML", line) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise InvalidYaml("it is not YAML in UTF-8") from None
    except ValueError:  # PyYAML converts dates and numbers without catching their errors
        raise InvalidYaml("a date or number in it is impossible") from None


class _BoundedLoader(yaml.SafeLoader):
    """A safe loader that refuses deep nesting by a count of its own.

    Python's recursion limit is no bound: any library in the process may raise it.
    """

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth > _DEPTH_MAX:
            raise yaml.composer.ComposerError(
                problem=f"it is nested too deeply (at most {_DEPTH_MAX} levels)",
                problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _UniqueKeyLoader(_BoundedLoader):
    """A safe loader that refuses duplicate keys instead of dropping all but the last."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's signature
    ) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                raise yaml.constructor.ConstructorError(
                    problem=f"duplicate key {key}",
                    problem_mark=node.value[at][0].start_mark,
                )
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class InvalidField:
    """One field that pydantic refuses."""

    path: str
    """Keys from the top, joined by dots; empty for the document itself."""
    kind: str
    """Pydantic's error type, such as `missing` or `extra_forbidden`."""
    reason: str


def first_invalid_field(error: "ValidationError") -> InvalidField:
    """Return the first field that a model refuses."""
    return invalid_fields(error)[0]


def invalid_fields(error: "ValidationError") -> list[InvalidField]:
    """Return all fields that a model refuses, in pydantic's order. Their values are left out."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [invalid_field(detail) for detail in details]


def invalid_field(detail: Mapping[str, Any]) -> InvalidField:
    """Return the field that one of pydantic's error details is about."""
    path = ".".join(str(part) for part in detail["loc"])
    return InvalidField(path, detail["type"], _reason(detail["msg"]))


def _reason(message: str) -> str:
    """Return a message of ours as it is, and one of pydantic's with a lower case start."""
    own = message.removeprefix(_VALIDATOR_PREFIX)
    return own if own != message else own[:1].lower() + own[1:]
