"""Facts of this machine: clock, user, cores and memory. Also settings that have to be set."""

import getpass
import os
import resource
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from gromit.config.schema import Settings
from gromit.core.load import MemoryUse
from gromit.core.names import normalize_dns_name
from gromit.core.time import Millis
from gromit.errors import ConfigError

T = TypeVar("T")

_LOCAL_CLOUD = Path(".gromit/local")
"""Default folder of a local cloud."""
_RUN_MIB = 640
"""Memory of one terraform with the AWS provider; up to 610 MB were measured."""
_BESIDE_MIB = 110
"""Memory of a terraform beside its provider, which is larger."""
_OWN_MIB = 256
"""Memory of the worker itself."""


def now_ms() -> Millis:
    """Return the time of this machine's clock."""
    return Millis(time.time_ns() // 1_000_000)


def operator() -> str:
    """Return the user and host of this process, for reasons and audits: `alice@bastion`."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def parallel_runs() -> int:
    """Return the number of terraforms to run at once: 2 per core, if memory allows.

    Cores and memory are those of this machine or container.
    """
    by_memory = (_memory_mib() - _OWN_MIB) // _RUN_MIB
    return max(1, min(2 * _cores(), by_memory))


def memory_use(runs: int) -> MemoryUse:
    """Return the memory that this worker needed, if `runs` terraforms were at work at once.

    The kernel keeps the peak of the largest child alone: a provider, or a terraform.
    """
    own_mb, largest_mb = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    each_mb = largest_mb + _BESIDE_MIB if largest_mb else 0
    return MemoryUse(round(own_mb + runs * each_mb, 1), float(_memory_mib()))


def cpu_limit_percent() -> float:
    """Return the part of one core that this process may use, in percent."""
    quota, _, period = _group_limit("cpu.max").partition(" ")
    has_limit = quota.isdigit() and period.isdigit()
    return min(100.0, 100 * int(quota) / int(period)) if has_limit else 100.0


def _cores() -> int:
    """Return the whole cores that affinity and control group allow to this process."""
    allowed = len(os.sched_getaffinity(0))
    quota, _, period = _group_limit("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, -(-int(quota) // int(period)))
    return max(1, allowed)


def _memory_mib() -> int:
    """Return the memory that this process may use, in MiB."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _group_limit("memory.max")
    return (min(machine, int(limit)) if limit.isdigit() else machine) >> 20


def _group_limit(name: str) -> str:
    """Return a limit of the container's control group (version 2); empty if it has none."""
    try:
        return Path("/sys/fs/cgroup", name).read_text().strip()
    except OSError:
        return ""


def to_ms(length: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return int(length.total_seconds() * 1000)


def require_setting(value: T | None, setting: str) -> T:
    """Return the value of a setting that has to be set. Raises `ConfigError` that names it."""
    if value is None:
        variable = "GROMIT_" + setting.replace(".", "_").upper()
        hint = f"set {variable}, or {setting} in config.yaml{_login_hint(setting)}{_local_hint()}"
        raise ConfigError(f"{setting} is not set", hint=hint)
    return value


def _login_hint(setting: str) -> str:
    """Return how to do without a setting of the way to serve; empty for other settings."""
    if setting not in {"serve.url", "client.key", "client.cert"}:
        return ""
    return "; or log in with `gromit login https://gateway.example.com`"


def _local_hint() -> str:
    """Return how to use the local cloud of this folder; empty if there is none."""
    if not (_LOCAL_CLOUD / "processes.json").exists():
        return ""
    return f'; for the local cloud in {_LOCAL_CLOUD}, run `eval "$(gromit local env)"`'


def domain(settings: Settings) -> str:
    """Return the domain of public names, in lower case, without a final dot."""
    return normalize_dns_name(require_setting(settings.cluster.domain, "cluster.domain"))


def domain_if_set(settings: Settings) -> str | None:
    """Return the domain, or None if it is not set: then environments have no public names."""
    return domain(settings) if settings.cluster.domain else None
