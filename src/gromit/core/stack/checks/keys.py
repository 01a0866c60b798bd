"""Config keys and variables that a program knows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gromit.errors import ConfigError


class ValueKind(StrEnum):
    """Kind of the value of a config key."""

    BOOL = "bool"
    INT = "int"
    UINT = "uint"
    """Whole number that is not negative."""
    NUMBER = "number"
    TEXT = "text"
    HOST = "host"
    """Text that holds a host, perhaps with a port."""
    LIST = "list"
    TEXTS = "texts"
    INTS = "ints"
    HOSTS = "hosts"
    """List of hosts, perhaps with ports."""
    MAP = "map"
    """Object whose names the user chooses."""
    HOST_MAP = "hostmap"
    """Object that maps hosts to ports."""
    OBJECT = "object"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One config key of a program."""

    path: str
    """Names from the top, joined by dots. `<kind>` replaces a name that the user chooses for a
    section whose key `type` is `kind`."""
    kind: ValueKind
    variable: str | None = None
    """Environment variable that has precedence over the file."""
    options: tuple[str, ...] = ()
    """All valid texts; empty if any is valid."""


@dataclass(slots=True)
class KeyNode:
    """A config key with the keys below it. Names are in lower case, as programs ignore case."""

    key: ConfigKey
    below: dict[str, "KeyNode"] = field(default_factory=dict)
    sections: dict[str, "KeyNode"] = field(default_factory=dict)
    """Sections with names that the user chooses, by their type."""


@dataclass(frozen=True, slots=True)
class ProgramKeys:
    """All config keys of one program."""

    root: KeyNode
    variables: Mapping[str, ConfigKey]
    """Documented variables."""
    likely_variables: frozenset[str]
    """Variables of the other keys, by the rule that most of the documented ones follow."""
    section_variables: Mapping[str, frozenset[str]]
    """Beginning of the variables of sections with free names to all possible ends."""

    @property
    def prefix(self) -> str:
        """Beginning that all variables share: `TYK_GW_`."""
        return _prefix(self.variables)

    def is_variable(self, name: str) -> bool:
        """Whether the program reads a variable."""
        if name in self.variables or name in self.likely_variables:
            return True
        for start, ends in self.section_variables.items():
            if name.startswith(start):
                _, *rest = name.removeprefix(start).split("_")
                return any("_".join(rest[at:]) in ends for at in range(len(rest)))
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigValue:
    """One value in a config file, and the key that the program knows for it."""

    path: str
    """Names from the top, joined by dots, as the file spells them."""
    value: object
    key: ConfigKey | None
    """None for a value of a free name, or in a section that the program does not know."""
    parent: KeyNode | None = None
    """The object that contains the value; None below an unknown or a free name."""
    beside: Mapping[str, object] = field(default_factory=dict)
    """All values of the object that contains it, by name."""

    @property
    def is_unknown(self) -> bool:
        """Whether the program does not know the key, but knows the object that contains it."""
        return self.key is None and self.parent is not None


def parse_keys(text: str) -> ProgramKeys:
    """Return the keys of a list: path, kind with options, and variable, separated by tabs.

    The key `.` is the document itself. Raises `ConfigError` for a damaged list.
    """
    keys = sorted(map(_key, text.splitlines()), key=lambda key: key.path.count("."))
    top = next((key for key in keys if key.path == "."), None)
    if top is None:
        raise ConfigError("the list of keys has no line for the document itself")
    root = KeyNode(top)
    for key in keys:
        if key is not top:
            _insert(root, key)
    variables = {key.variable: key for key in keys if key.variable}
    others = (key.path for key in keys if not key.variable)
    likely = frozenset(_variable(variables, path) for path in others)
    return ProgramKeys(root, variables, likely, _section_variables(variables))


def walk_config(keys: ProgramKeys | None, document: object) -> Iterator[ConfigValue]:
    """Return all values in a config file, objects and lists included, from the top down."""
    node = keys.root if keys is not None else None
    yield from _walk("", document, node)


def _key(line: str) -> ConfigKey:
    path, kind, *variable = line.split("\t")
    name, _, options = kind.partition(":")
    return ConfigKey(
        path,
        ValueKind(name),
        variable[0] if variable else None,
        tuple(options.split("|")) if options else (),
    )


def _prefix(variables: Iterable[str]) -> str:
    return "_".join(next(iter(variables)).split("_")[:2]) + "_"


def _variable(variables: Iterable[str], path: str) -> str:
    """Return the variable of a key by the rule: words of a name joined, levels by `_`."""
    return _prefix(variables) + path.upper().replace("_", "").replace(".", "_")


def _section_variables(variables: Mapping[str, ConfigKey]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for variable, key in variables.items():
        above, is_section, _ = key.path.partition(".<")
        if is_section:
            start = f"{_variable(variables, above)}_"
            found.setdefault(start, set()).add(variable.removeprefix(start).partition("_")[2])
    return {start: frozenset(ends) for start, ends in found.items()}


def _insert(root: KeyNode, key: ConfigKey) -> None:
    *above, last = key.path.lower().split(".")
    node = root
    for name in above:
        node = _below(node, name)[name.strip("<>")]
    _below(node, last)[last.strip("<>")] = KeyNode(key)


def _below(node: KeyNode, name: str) -> dict[str, KeyNode]:
    return node.sections if name.startswith("<") else node.below


def _walk(path: str, value: object, node: KeyNode | None) -> Iterator[ConfigValue]:
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield ConfigValue(path=f"{path}[{at}]", value=item, key=None)
            yield from _walk(f"{path}[{at}]", item, None)
        return
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        here = f"{path}.{name}" if path else str(name)
        child = _child(node, str(name), item)
        has_names = node is not None and bool(node.below or node.sections)
        yield ConfigValue(
            path=here,
            value=item,
            key=child.key if child else None,
            parent=node if has_names else None,
            beside=value,
        )
        yield from _walk(here, item, child)


def _child(node: KeyNode | None, name: str, value: object) -> KeyNode | None:
    """Return the known key of a name, or of a section by its type."""
    if node is None:
        return None
    if not node.sections:
        return node.below.get(name.lower())
    kind = value.get("type") if isinstance(value, dict) else None
    return node.sections.get(str(kind or name).lower())
