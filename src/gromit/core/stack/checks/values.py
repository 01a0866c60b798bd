"""Values that a config key can have, in a file or in a variable."""

import re
from collections.abc import Callable, Mapping

from gromit.core.stack.checks.keys import ConfigKey, ValueKind

_TRUTH = frozenset({"1", "t", "true", "0", "f", "false"})
"""Texts that programs take for a truth value, in lower case."""
_WHOLE = re.compile(r"[+-]?\d+")
_NATURAL = re.compile(r"\+?\d+")


def wrong_value(key: ConfigKey, value: object) -> str | None:
    """Return why a key cannot have a value in a file; None if it can. Never repeat the value."""
    if value is None or key.kind is ValueKind.ANY:
        return None
    required, has_kind = _KINDS[key.kind]
    if not has_kind(value):
        return f"must be {required}, not {_kind_name(value)}"
    if isinstance(value, str) and not _is_option(key, value):
        return f"must be one of {', '.join(filter(None, key.options))}"
    return None


def wrong_text(key: ConfigKey, text: str) -> str | None:
    """Return why a variable cannot have a text; None if it can. Never repeat the text.

    An empty text is taken for an absent one.
    """
    if not text:
        return None
    match key.kind:
        case ValueKind.BOOL:
            fits = text.lower() in _TRUTH
        case ValueKind.INT:
            fits = _WHOLE.fullmatch(text) is not None
        case ValueKind.UINT:
            fits = _NATURAL.fullmatch(text) is not None
        case ValueKind.TEXT:
            return wrong_value(key, text)
        case _:
            return None
    return None if fits else f"must be {_KINDS[key.kind][0]}"


def _is_option(key: ConfigKey, value: str) -> bool:
    options = {option.lower() for option in key.options}
    return not options or value.lower() in options


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind)


def _is_list_of(item: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(map(item, value))


_OBJECT = ("an object", _is(dict))
_KINDS: Mapping[ValueKind, tuple[str, Callable[[object], bool]]] = {
    ValueKind.BOOL: ("true or false", _is(bool)),
    ValueKind.INT: ("a whole number", _is_whole),
    ValueKind.UINT: ("a whole number that is not negative", _is_natural),
    ValueKind.NUMBER: ("a number", _is_number),
    ValueKind.TEXT: ("text", _is(str)),
    ValueKind.HOST: ("text", _is(str)),
    ValueKind.LIST: ("a list", _is(list)),
    ValueKind.TEXTS: ("a list of texts", _is_list_of(_is(str))),
    ValueKind.INTS: ("a list of whole numbers", _is_list_of(_is_whole)),
    ValueKind.HOSTS: ("a list of texts", _is_list_of(_is(str))),
    ValueKind.MAP: _OBJECT,
    ValueKind.HOST_MAP: _OBJECT,
    ValueKind.OBJECT: _OBJECT,
}
"""Words for each kind of value, and the test for it."""

_NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


def _kind_name(value: object) -> str:
    return _NAMES.get(type(value), "this")
