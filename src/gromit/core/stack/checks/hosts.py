"""Hosts that config files, variables and commands name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gromit.core.stack.addresses import NAMESPACE
from gromit.core.stack.checks.keys import (
    ConfigKey,
    ConfigValue,
    ProgramKeys,
    ValueKind,
    walk_config,
)

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[^/?#\s\"'@]*@)?([^/?#\s\"'`;|&<>()]+)", re.IGNORECASE)
_NO_HOST = re.compile(r"\b(?:https?|mongodb|redis)://(?=[/?:]|$)", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*)(?::(\d{1,5}))?")
_INTERNAL = re.compile(rf"[a-z0-9_.-]+\.{NAMESPACE}(:\d+)?")
_INTERNAL_NAME = re.compile(rf"(?<![\w.$-])[\w.-]+\.{NAMESPACE}(?::\d+)?(?![\w-])", re.IGNORECASE)
_HOST_NAME = re.compile(r"(hostname|host|endpoint)$", re.IGNORECASE)
_PORTS: Mapping[str, int] = {"http": 80, "https": 443, "mongodb": 27017, "redis": 6379}
"""Port of a URL that has none, by scheme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """A host that a config file, a variable or a command names."""

    subject: str
    """Path of the key, or name of the variable."""
    host: str
    """Name in lower case, or address; empty for a URL without one."""
    port: int | None = None
    """None if it is unknown."""


def find_hosts(keys: ProgramKeys | None, document: object) -> Iterator[HostUse]:
    """Return the hosts in a config file: those of URLs, and those of keys that hold hosts."""
    for value in walk_config(keys, document):
        match value.value, value.key:
            case str() as text, key:
                yield from _of_text(value.path, text, key, _port_beside(value))
            case list() as items, ConfigKey(kind=ValueKind.HOSTS):
                plain = (text for text in items if isinstance(text, str) and "://" not in text)
                yield from _of_each(value.path, plain)
            case dict() as ports, ConfigKey(kind=ValueKind.HOST_MAP):
                yield from _of_each(value.path, (f"{name}:{ports[name]}" for name in ports))
            case _:
                pass


def find_hosts_in_variable(name: str, text: str, key: ConfigKey | None) -> Iterator[HostUse]:
    """Return the hosts in the value of an environment variable."""
    if key is not None and key.kind is ValueKind.HOSTS:
        yield from _of_each(name, text.split(","))
    else:
        yield from _of_text(name, text, key, None)


def find_hosts_in_text(subject: str, text: str, port: int | None = None) -> Iterator[HostUse]:
    """Return the hosts of all URLs in a text. `port` is that of a URL that has none."""
    yield from (HostUse(subject=subject, host="") for _ in _NO_HOST.finditer(text))
    for found in _URL.finditer(text):
        default = port or _PORTS.get(found[1].lower())
        for part in found[2].split(","):
            yield from _of_each(subject, (part,), default)


def find_internal_names(subject: str, text: str) -> Iterator[HostUse]:
    """Return the names that end with `.internal` in a text of any form."""
    yield from _of_each(subject, _INTERNAL_NAME.findall(text))


def find_hosts_in_command(subject: str, command: Iterable[str]) -> Iterator[HostUse]:
    """Return the hosts in the arguments of a command: those of URLs, and internal names."""
    text = " ".join(command)
    in_urls = list(find_hosts_in_text(subject, text))
    known = {use.host for use in in_urls}
    yield from in_urls
    yield from (use for use in find_internal_names(subject, text) if use.host not in known)


def _of_text(subject: str, text: str, key: ConfigKey | None, port: int | None) -> Iterator[HostUse]:
    if "://" in text:
        yield from find_hosts_in_text(subject, text, port)
    elif (key is not None and key.kind is ValueKind.HOST) or _INTERNAL.fullmatch(text.lower()):
        yield from _of_each(subject, (text,), port)


def _of_each(subject: str, texts: Iterable[str], port: int | None = None) -> Iterator[HostUse]:
    """Return the hosts of texts like `host` and `host:port`. A shell variable is no host."""
    for text in texts:
        if found := _HOST.fullmatch(text.strip()):
            host = found[1].strip("[]").rstrip(".").lower()
            yield HostUse(subject=subject, host=host, port=int(found[2]) if found[2] else port)


def _port_beside(value: ConfigValue) -> int | None:
    """Return the port in the key that belongs to a host's: `redis_port` for `redis_host`."""
    name = value.path.rsplit(".", 1)[-1]
    wanted = _HOST_NAME.sub("port", name).lower()
    if wanted == name.lower():
        return None
    texts = (str(item) for other, item in value.beside.items() if other.lower() == wanted)
    return next((int(text) for text in texts if text.isdecimal()), None)
