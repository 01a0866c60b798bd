"""What is read of the machine itself: clock, user, cores, settings that must be there."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import os
import time
from typing import TYPE_CHECKING, TypeVar

from gromit.core.time import Millis
from gromit.errors import ConfigError

if TYPE_CHECKING:
    from datetime import timedelta

    from gromit.config import Settings
    from gromit.core.lifecycle import Stamp


Value = TypeVar("Value")


def now_ms() -> Millis:
    """The time, by this machine's clock."""
    return Millis(time.time_ns() // 1_000_000)


def operator() -> str:
    """Who runs this process, for reasons and audits: `alice@bastion`."""
    import getpass
    import socket

    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def cores() -> int:
    """How many cores this machine has."""
    return os.cpu_count() or 1


def ms(length: "timedelta") -> int:
    """A length of time in whole milliseconds."""
    return int(length.total_seconds() * 1000)


def needed(value: Value | None, setting: str) -> Value:
    """A setting that must be there. Raises `ConfigError` naming it."""
    if value is None:
        variable = "GROMIT_" + setting.replace(".", "_").upper()
        raise ConfigError(f"{setting} is not set", hint=f"set {variable}, or {setting} in config.yaml")
    return value


def stamp(what: str) -> "Stamp":
    """A stamp for a change that a person makes with a command."""
    from gromit.core.lifecycle import Stamp

    return Stamp(f"{what}:{operator()}", now_ms())


def domain(settings: "Settings") -> str:
    """The domain of public names, lower case, without the last dot."""
    return needed(settings.cluster.domain, "cluster.domain").lower().removesuffix(".")
