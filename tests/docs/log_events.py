"""Find every log event in the source: calls of a structlog logger, with levels and keys."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
_PLAIN = frozenset({"exc_info"})
"""Keywords that are not data."""


class VariableName(Exception):
    """An event whose name is not a constant, so that a search cannot find it."""

    def __init__(self, call: ast.Call) -> None:
        super().__init__(f"line {call.lineno}: the name of an event is not a constant")


@dataclass(frozen=True, slots=True)
class Said:
    """One place that logs an event."""

    event: str
    level: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Event:
    """All places that log an event."""

    levels: tuple[str, ...]
    keys: tuple[str, ...]


def events(modules: Iterable[Path]) -> Mapping[str, Event]:
    """Return every event that the modules log, by name. Raises `VariableName`."""
    found: defaultdict[str, list[Said]] = defaultdict(list)
    for path in modules:
        for said in said_in(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            found[said.event].append(said)
    return {name: _joined(found[name]) for name in sorted(found)}


def said_in(module: ast.Module) -> Iterator[Said]:
    """Yield the events of one module, including those through a function that takes the name."""
    loggers = _loggers(module)
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in _own_calls(function):
            if not _is_log(call, loggers):
                continue
            name = call.args[0] if call.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Said(name.value, _level(call), _keys(call))
            elif isinstance(name, ast.Name) and name.id in _parameters(function):
                yield from _through(module, function, name.id, Said("", _level(call), _keys(call)))
            else:
                raise VariableName(call)


def _through(
    module: ast.Module, function: ast.FunctionDef | ast.AsyncFunctionDef, parameter: str, said: Said
) -> Iterator[Said]:
    """Yield the events of calls to a function that passes the event's name on."""
    parameters = _parameters(function)
    place = parameters.index(parameter) - (parameters[0] == "self")
    for call in (
        c for c in ast.walk(module) if isinstance(c, ast.Call) and _called(c) == function.name
    ):
        name = call.args[place]
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            raise VariableName(call)
        data = frozenset(k for k in _keys(call) if k not in parameters)
        yield Said(name.value, said.level, said.keys | data)


def _loggers(module: ast.Module) -> frozenset[str]:
    """Names that a module gives to what `structlog.get_logger` returns."""
    assigned = (
        n for n in ast.walk(module) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)
    )
    return frozenset(
        target.id
        for n in assigned
        if isinstance(n.value, ast.Call) and _called(n.value) == "get_logger"
        for target in n.targets
        if isinstance(target, ast.Name)
    )


def _own_calls(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.Call]:
    """Calls in a function, but not in those that are defined in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _is_log(call: ast.Call, loggers: frozenset[str]) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id=logger), attr=level):
            return logger in loggers and level in LEVELS
        case _:
            return False


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _level(call: ast.Call) -> str:
    return _called(call).replace("exception", "error")


def _keys(call: ast.Call) -> frozenset[str]:
    return frozenset(k.arg for k in call.keywords if k.arg is not None) - _PLAIN


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [
        a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    ]


def _joined(places: list[Said]) -> Event:
    levels = sorted({s.level for s in places}, key=LEVELS.index)
    return Event(tuple(levels), tuple(sorted(frozenset().union(*(s.keys for s in places)))))
