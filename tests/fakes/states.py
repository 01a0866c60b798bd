"""Terraform states and their locks in memory."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gromit.core.environments.terraform_locks import FoundLock, Lock, Owner
from gromit.core.names import is_environment_name
from gromit.core.stack.contract import StateHead
from gromit.errors import BackendError, Conflict, GromitError
from gromit.ports.inventory import StateNames


class FakeStates:
    """The ports `StateBucket` and `StateArchive`.

    Each call of a method first raises the next of its `faults`.
    """

    def __init__(self) -> None:
        self.locks: dict[str, FoundLock] = {}
        self.heads: dict[str, StateHead] = {}
        self.bodies: dict[str, Mapping[str, Any]] = {}
        """Whole states, for those that are rewritten."""
        self.kept: list[Mapping[str, Any]] = []
        """Copies of states before they were rewritten."""
        self.damaged: set[str] = set()
        """Environments whose state objects are no Terraform states."""
        self.aside: list[tuple[str, StateHead | None]] = []
        """States that were set aside."""
        self.faults: dict[str, list[GromitError | TypeError]] = {}
        self.unheard: list[GromitError] = []
        """Errors that the next calls raise after they have put a lock, one each."""
        self.calls: list[str] = []
        self._numbers = itertools.count(1)

    def lock(self, environment: str, owner: Owner, operation: str) -> Lock | FoundLock:
        """Take the lock, or return the existing one."""
        self._called("lock")
        found = self.locks.get(environment)
        return found or self._put(environment, owner, operation)

    def replace_lock(self, found: FoundLock, owner: Owner, operation: str) -> Lock | None:
        """Replace `found` if it has not changed."""
        self._called("replace_lock")
        if self.locks.get(found.environment) != found:
            return None
        return self._put(found.environment, owner, operation)

    def unlock(self, lock: Lock | FoundLock) -> bool:
        """Release exactly this lock."""
        self._called("unlock")
        found = self.locks.get(lock.environment)
        if found is None or found.etag != lock.etag:
            return False
        del self.locks[lock.environment]
        return True

    def find_lock(self, environment: str) -> FoundLock | None:
        """Return the lock of an environment, if there is one."""
        self._called("find_lock")
        return self.locks.get(environment)

    def locked(self) -> Sequence[str]:
        """Return the environments with a lock."""
        self._called("locked")
        return sorted(self.locks)

    def head(self, environment: str) -> StateHead | None:
        """Return the head of a state that a test has set."""
        self._called("head")
        if environment in self.damaged:
            raise BackendError(f"the state of {environment} is not a terraform state")
        return self.heads.get(environment)

    def delete(self, environment: str) -> None:
        """Remove a state without resources."""
        self._called("delete")
        head = self.heads.get(environment)
        if head is not None and head.resources:
            raise Conflict(f"the state of {environment} still has {head.resources} resources")
        self.heads.pop(environment, None)

    def rewrite(
        self, lock: Lock, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
    ) -> str:
        """Change a whole state that a test has set; its head is what the test says of it then."""
        self._called("rewrite")
        name = lock.environment
        assert self.locks[name].etag == lock.etag, "only under the lock"
        after = change(self.bodies[name]) if name in self.bodies else None
        if after is None:
            return ""
        self.kept.append(self.bodies[name])
        self.bodies[name] = after
        self.heads[name] = replace(self.heads[name], is_v1=False)
        return f"kept-{len(self.kept)}"

    def names(self) -> StateNames:
        """Return the environments with a state or a lock."""
        self._called("names")
        return StateNames(frozenset(self.heads.keys() | self.damaged), frozenset(self.locks))

    def set_aside(self, lock: Lock) -> str:
        """Rename a state."""
        self._called("set_aside")
        name = lock.environment
        assert self.locks[name].etag == lock.etag, "only under the lock"
        if name not in self.heads and name not in self.damaged:
            return ""
        self.aside.append((name, self.heads.pop(name, None)))
        self.damaged.discard(name)
        return f"aside-{len(self.aside)}"

    def v1_names(self) -> frozenset[str]:
        """Return the names of states that no environment can have."""
        self._called("v1_names")
        return frozenset(name for name in self.heads if not is_environment_name(name))

    def has_other(self, source: str, target: str) -> bool:
        """Compare two heads."""
        self._called("has_other")
        one, other = self.heads.get(source), self.heads.get(target)
        return one is not None and other is not None and one != other

    def set_v1_aside(self, name: str) -> str:
        """Rename a state."""
        self._called("set_v1_aside")
        if name not in self.heads:
            return ""
        self.aside.append((name, self.heads.pop(name)))
        return f"aside-{len(self.aside)}"

    def copy(self, source: str, target: str) -> bool:
        """Copy a head, unless the target has one."""
        self._called("copy")
        if source not in self.heads or target in self.heads:
            return False
        self.heads[target] = self.heads[source]
        return True

    def _put(self, environment: str, owner: Owner, operation: str) -> Lock:
        number = next(self._numbers)
        lock = Lock(environment=environment, id=f"lock-{number}", etag=f"etag-{number}")
        self.locks[environment] = FoundLock(
            environment=environment,
            id=lock.id,
            etag=lock.etag,
            who=f"someone@{owner.host}",
            operation=operation,
            created="",
            owner=owner,
        )
        if self.unheard:
            raise self.unheard.pop(0)
        return lock

    def _called(self, method: str) -> None:
        self.calls.append(method)
        if self.faults.get(method):
            raise self.faults[method].pop(0)
