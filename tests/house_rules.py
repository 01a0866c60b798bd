"""House rules: functions from source code to the places that break a rule."""

import ast
import re
from collections.abc import Iterator, Mapping

# What the core may import from outside. Anything else may read a clock or do I/O.
_WHOLE_MODULES = frozenset(
    {
        "base64",
        "collections",
        "collections.abc",
        "dataclasses",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "hmac",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
    }
)
_NAMES = {
    "cryptography": {"x509"},
    "cryptography.exceptions": {"InvalidSignature", "UnsupportedAlgorithm"},
    "cryptography.hazmat.primitives": {"hashes"},
    "cryptography.hazmat.primitives.asymmetric": {"ec"},
    "cryptography.hazmat.primitives.serialization": {
        "Encoding",
        "PublicFormat",
        "load_pem_private_key",
    },
    "cryptography.x509.oid": {"ExtendedKeyUsageOID", "NameOID"},
    "datetime": {"UTC", "date", "datetime", "timedelta", "tzinfo"},
    "difflib": {"SequenceMatcher", "get_close_matches"},
    "fnmatch": {"fnmatchcase"},
    "jinja2": {"StrictUndefined", "TemplateError", "TemplateSyntaxError"},
    "jinja2.sandbox": {"ImmutableSandboxedEnvironment"},
}
# Built-in functions that do I/O, reach anything by name, or differ between processes.
_BUILTINS = frozenset(
    {
        "__builtins__",
        "__import__",
        "__loader__",
        "__spec__",
        "breakpoint",
        "compile",
        "eval",
        "exec",
        "exit",
        "globals",
        "hash",
        "help",
        "id",
        "input",
        "locals",
        "open",
        "print",
        "quit",
        "vars",
    }
)
# Attributes by which an allowed module, or an object that is handed in, would do the same.
_ATTRIBUTES = frozenset(
    {
        *("now", "today", "utcnow"),
        *("file_digest", "generate_private_key", "random_serial_number", "urandom"),
        *("open", "read_bytes", "read_text", "write_bytes", "write_text"),
        *("__builtins__", "__globals__", "__import__", "__loader__", "__subclasses__"),
    }
)

_CAMEL_CASE = re.compile(r"[A-Z][A-Z0-9]*[a-z][A-Za-z0-9]*")


def impurities(tree: ast.AST) -> Iterator[str]:
    """Places where code may read a clock, draw randomness or do I/O, with their lines."""
    for node in ast.walk(tree):
        yield from (
            f"{what} in line {node.lineno}"
            for what in _impure(node)
            if isinstance(node, ast.stmt | ast.expr)
        )


def _impure(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names):
            yield from (
                a.name for a in names if not _is_own(a.name) and a.name not in _WHOLE_MODULES
            )
        case ast.ImportFrom(module=str(module), names=names, level=0) if not _is_own(module):
            yield from (f"{module}.{a.name}" for a in names if not _is_pure(module, a.name))
        case ast.Name(id=name, ctx=ast.Load()) if name in _BUILTINS:
            yield name
        case ast.Attribute(attr=name) if name in _ATTRIBUTES:
            yield f".{name}"
        case ast.Call(func=ast.Name("getattr"), args=[_, ast.Constant(name), *_]) if (
            name in _ATTRIBUTES
        ):
            yield f".{name}"
        case ast.Call(func=ast.Attribute(attr="astimezone"), args=[], keywords=[]):
            yield ".astimezone() to the zone of the machine"
        case ast.Call(func=ast.Attribute(attr="fromtimestamp"), args=[_], keywords=[]):
            yield ".fromtimestamp() in the zone of the machine"
        case _:
            pass


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == "gromit"


def _is_pure(module: str, name: str) -> bool:
    if module in _WHOLE_MODULES:
        return name not in _ATTRIBUTES
    # `from urllib import parse` names a module, too.
    return name in _NAMES.get(module, ()) or f"{module}.{name}" in _WHOLE_MODULES


def nested_conditionals(tree: ast.AST) -> Iterator[str]:
    """Conditional expressions that hold another one anywhere within them, with their lines."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.IfExp)
            and sum(isinstance(inner, ast.IfExp) for inner in ast.walk(node)) > 1
        ):
            yield f"line {node.lineno}"


def mocks(tree: ast.AST) -> Iterator[str]:
    """Imports of `unittest.mock`, with their lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names) if any(a.name == "unittest.mock" for a in names):
                yield f"line {node.lineno}"
            case ast.ImportFrom(module="unittest.mock"):
                yield f"line {node.lineno}"
            case ast.ImportFrom(module="unittest", names=names) if any(
                a.name == "mock" for a in names
            ):
                yield f"line {node.lineno}"


_REQUESTS = frozenset(
    {"AsyncClient", "Client", "delete", "get", "head", "patch", "post", "put", "request", "stream"}
)


def hasty_requests(tree: ast.AST) -> Iterator[str]:
    """Requests and clients of httpx2 with its own time limit, which a loaded machine exceeds."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name("httpx2"), attr=attr), keywords=keywords
            ) if attr in _REQUESTS and not {k.arg for k in keywords} & {
                None,
                "timeout",
                "transport",
            }:
                yield f"line {node.lineno}"


def public_types(tree: ast.Module) -> Iterator[str]:
    """Names of the public classes, type aliases and type variables that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            target = (
                statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            )
            if isinstance(target, ast.Name) and _CAMEL_CASE.fullmatch(target.id):
                yield target.id


def defined_twice(modules: Mapping[str, ast.Module]) -> Iterator[str]:
    """Public types that more than one module defines, each with these modules."""
    places: dict[str, list[str]] = {}
    for module, tree in modules.items():
        for name in public_types(tree):
            places.setdefault(name, []).append(module)
    yield from (f"{name}: {', '.join(where)}" for name, where in places.items() if len(where) > 1)
