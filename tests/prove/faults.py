"""Faults at any call: a call fails before or after its effect, or the process dies there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from random import Random
from typing import Any, TypeVar, cast

from gromit.errors import BackendError, Temporary

Port = TypeVar("Port")


class ProcessKilled(BaseException):
    """The process has died here. No handler of errors catches it."""


class Fault(StrEnum):
    """Kinds of faults of one call."""

    REFUSED = "refused"
    """It has no effect, and the answer is an error."""
    THROTTLED = "throttled"
    """It has no effect, and the answer is to try again later."""
    LOST = "lost answer"
    """It has its effect, and no answer arrives."""
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


@dataclass(slots=True)
class Faults:
    """Decides at each call whether it fails. The calls are numbered from 1."""

    choose: Callable[[int, str], Fault | None] = lambda _number, _call: None
    """Returns the fault of a call, from its number and name."""
    watch: Callable[[str], None] = lambda _call: None
    """Called before each call, with its name: what happens meanwhile."""
    calls: list[str] = field(default_factory=list)
    """Names of all calls so far."""
    struck: list[str] = field(default_factory=list)
    """Calls that had a fault, with the fault."""

    def around(self, name: str, act: Callable[[], Any]) -> Any:
        """Call `act`, with the fault that is chosen for this call."""
        self.watch(name)
        self.calls.append(name)
        fault = self.choose(len(self.calls), name)
        if fault is None:
            return act()
        self.struck.append(f"{len(self.calls)} {name}: {fault}")
        if fault is Fault.REFUSED:
            raise BackendError(f"{name} was refused")
        if fault is Fault.THROTTLED:
            raise Temporary(f"{name} was throttled")
        if fault is Fault.KILLED_BEFORE:
            raise ProcessKilled(name)
        act()
        if fault is Fault.KILLED_AFTER:
            raise ProcessKilled(name)
        raise Temporary(f"the answer to {name} was lost")

    def point(self, name: str) -> None:
        """Mark a step within a call, at which a process can die."""
        self.around(name, lambda: None)

    def wrap(self, label: str, port: Port) -> Port:
        """Return a port whose methods have the faults. Its other attributes stay."""
        return cast("Port", _FaultyPort(label, port, self))


OF_AWS = (Fault.REFUSED, Fault.THROTTLED, Fault.LOST)
"""Kinds of faults that AWS has, and not the process that calls it."""


def random_faults(
    random: Random, every: int, kinds: Sequence[Fault] = tuple(Fault)
) -> Callable[[int, str], Fault | None]:
    """Return a choice for `Faults` that strikes one of `every` calls on average.

    serve does not die: a call of its table or registry loses its answer instead.
    """

    def choose(_number: int, call: str) -> Fault | None:
        if random.random() * every > 1:
            return None
        fault = random.choice(kinds)
        is_of_serve = call.startswith(("table.", "registry."))
        return Fault.LOST if is_of_serve and fault.startswith("killed") else fault

    return choose


class _FaultyPort:
    """Passes everything on to a port, methods through `Faults.around`."""

    def __init__(self, label: str, port: Any, faults: Faults) -> None:
        self._label, self._port, self._faults = label, port, faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found) or name.startswith("_"):
            return found

        @wraps(found)
        def call(*args: Any, **more: Any) -> Any:
            return self._faults.around(f"{self._label}.{name}", lambda: found(*args, **more))

        return call
