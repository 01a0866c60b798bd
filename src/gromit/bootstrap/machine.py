"""What is read of the machine itself: clock, user, cores, settings that must be there."""

import getpass
import os
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from gromit.config.schema import Settings
from gromit.core.names import normalize_dns_name
from gromit.core.time import Millis
from gromit.errors import ConfigError

T = TypeVar("T")

_RUN_MIB = 640
"""One terraform with the AWS provider takes up to 610 MB (measured)."""
_OWN_MIB = 256
"""For the worker itself."""


def now_ms() -> Millis:
    """The time, by this machine's clock."""
    return Millis(time.time_ns() // 1_000_000)


def operator() -> str:
    """Who runs this process, for reasons and audits: `alice@bastion`."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def parallel_runs() -> int:
    """How many terraforms this machine, or the container that this process is in, bears at once: 2 a core, if the memory lasts."""
    by_memory = (_memory_mib() - _OWN_MIB) // _RUN_MIB
    return max(1, min(2 * _cores(), by_memory))


def _cores() -> int:
    """Whole cores that this process may use, by its affinity and by the limit of its control group."""
    allowed = len(os.sched_getaffinity(0))
    quota, _, period = _group_limit("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, -(-int(quota) // int(period)))
    return max(1, allowed)


def _memory_mib() -> int:
    """Memory that this process may use."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _group_limit("memory.max")
    return (min(machine, int(limit)) if limit.isdigit() else machine) >> 20


def _group_limit(name: str) -> str:
    """A limit of the container's control group (version 2); empty if there is none."""
    try:
        return Path("/sys/fs/cgroup", name).read_text().strip()
    except OSError:
        return ""


def to_ms(length: timedelta) -> int:
    """A length of time in whole milliseconds."""
    return int(length.total_seconds() * 1000)


def require_setting(value: T | None, setting: str) -> T:
    """A setting that must be there. Raises `ConfigError` naming it."""
    if value is None:
        variable = "GROMIT_" + setting.replace(".", "_").upper()
        raise ConfigError(
            f"{setting} is not set", hint=f"set {variable}, or {setting} in config.yaml"
        )
    return value


def domain(settings: Settings) -> str:
    """The domain of public names, lower case, without the last dot."""
    return normalize_dns_name(require_setting(settings.cluster.domain, "cluster.domain"))


def domain_if_set(settings: Settings) -> str | None:
    """The same; None where no domain is set, so that nothing has a public name."""
    return domain(settings) if settings.cluster.domain else None
