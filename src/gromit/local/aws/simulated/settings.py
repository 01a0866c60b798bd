"""Settings of a simulated program: its config file, and the variables that win over it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+]*)://(?:[^@/]*@)?(?P<hosts>[^/?]+)")
_PORTS = {"http": 80, "https": 443, "mongodb": 27017, "redis": 6379}
_HOST_KEYS = {"host": "port", "redis_host": "redis_port", "Host": "Port", "Endpoint": "Port"}
"""Keys of one host, each with the key of its port beside it."""

_LIST_KEYS = {"addrs", "redis_addrs"}
_MAP_KEYS = {"hosts", "Hosts", "redis_hosts"}
_OPTIONS = ("--conf", "-conf", "-c")

SettingKey = tuple[str, ...]
"""Path of a key in a config file."""


class SettingsUnreadable(Exception):
    """A program cannot read its config file."""


class Endpoint(NamedTuple):
    """A host and port in a config file."""

    key: str
    kind: str
    """`mongodb`, `redis`, `http` or `https`."""
    host: str
    port: int


class ProgramSettings:
    """Settings of one program, as it sees them after its start."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree

    def text(self, *key: str) -> str:
        """Return a value as text; empty if it is missing."""
        value = self._value(key)
        return "" if value is None or isinstance(value, dict | list) else str(value)

    def number(self, *key: str, default: int) -> int:
        """Return a value as a whole number."""
        text = self.text(*key)
        return int(text) if text.isdecimal() else default

    def flag(self, *key: str) -> bool:
        """Whether a value is true."""
        return self.text(*key).lower() in {"true", "1"}

    def endpoints(self) -> list[Endpoint]:
        """Return all hosts that the settings name, each once."""
        return list(dict.fromkeys(_endpoints(self._tree, "")))

    def _value(self, key: SettingKey) -> Any:
        found: Any = self._tree
        for word in key:
            found = found.get(word) if isinstance(found, dict) else None
        return found


def read_settings(
    path: str | None,
    variables: Mapping[str, str],
    prefix: str,
    keys: Mapping[SettingKey, str | None],
) -> ProgramSettings:
    """Return the settings of a program from the file `path` and its variables.

    `keys` are those that a variable may set, with the name of the variable where it does not follow
    from the key. Raises `SettingsUnreadable` if the file is not a JSON object.
    """
    tree = _read(path) if path else {}
    for key, exception in keys.items():
        name = exception or prefix + "_".join(word.replace("_", "").upper() for word in key)
        if name in variables:
            _set(tree, key, variables[name])
    return ProgramSettings(tree)


def config_file(command: Sequence[str]) -> str | None:
    """Return the path of the config file that a command names; None if it names none."""
    for number, word in enumerate(command):
        name, equals, value = word.partition("=")
        if name in _OPTIONS:
            return value if equals else "".join(command[number + 1 : number + 2]) or None
    return None


def _read(path: str) -> dict[str, Any]:
    try:
        # pathlib takes longer to import than all else here.
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            tree = json.load(file)
    except (OSError, ValueError) as error:
        raise SettingsUnreadable(f"cannot read the config file {path}: {error}") from error
    if not isinstance(tree, dict):
        raise SettingsUnreadable(f"the config file {path} is not a JSON object")
    return tree


def _set(tree: dict[str, Any], key: SettingKey, value: str) -> None:
    for word in key[:-1]:
        below = tree.get(word)
        if not isinstance(below, dict):
            below = tree[word] = {}
        tree = below
    tree[key[-1]] = value.split(",") if key[-1] in _LIST_KEYS else value


def _endpoints(tree: Mapping[str, Any], prefix: str) -> Iterator[Endpoint]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if name in _LIST_KEYS and isinstance(value, list):
            yield from (_address(key, str(text)) for text in value)
        elif name in _MAP_KEYS and isinstance(value, dict):
            yield from (_address(key, f"{host}:{port}") for host, port in value.items())
        elif isinstance(value, dict):
            yield from _endpoints(value, f"{key}.")
        elif isinstance(value, str):
            yield from _hosts(key, value, tree.get(_HOST_KEYS.get(name, "")), name in _HOST_KEYS)


def _hosts(key: str, text: str, port: object, is_host: bool) -> Iterator[Endpoint]:  # noqa: FBT001
    """Yield the hosts of one value: those of a URL, or the value itself."""
    if url := _URL.match(text):
        for host in url["hosts"].split(","):
            scheme = url["scheme"].removesuffix("+srv")
            beside = str(port or _PORTS.get(scheme, 80))
            yield _address(key, host, scheme, beside)
    elif is_host and text:
        yield _address(key, text, "redis", str(port or _PORTS["redis"]))


def _address(key: str, text: str, kind: str = "redis", default: str = "6379") -> Endpoint:
    host, _, port = text.partition(":")
    port = port or default
    return Endpoint(key, kind, host, int(port) if port.isdecimal() else 0)
