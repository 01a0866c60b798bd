"""Memory of a worker for what all environments share: the platform, and states of secrets.

Each is read once in a pass.

A pass can take hours, and a watch can go on for weeks without an end of a pass. So what was read
counts for ten minutes at most, and is read again after a run that failed.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from gromit.core.stack.contract import Platform
from gromit.core.stack.secrets import SecretState
from gromit.ports import PlatformSource
from gromit.ports.secrets import SecretDirectory

FRESH_S = 600.0
"""Longest time for which something that was read counts, in seconds."""


@dataclass(slots=True)
class PassMemory:
    """The ports `PlatformSource` and `SecretDirectory` for one worker process. Thread-safe.

    Errors are not kept, nor is a secret without a value: the next run may find that it has one.
    """

    platform: PlatformSource
    secrets: SecretDirectory
    monotonic: Callable[[], float]
    _read: Platform | None = None
    _states: dict[str, SecretState] = field(default_factory=dict)
    _since_s: float = 0.0
    _is_stale: bool = False
    """Whether to read everything again; set without the lock, which a slow read may hold."""
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> Platform:
        """Return the platform. Raises what its source raises."""
        with self._reading:
            self._forget_old()
            if self._read is None:
                self._read = self.platform.read()
            return self._read

    def states(self, ids: Collection[str]) -> Mapping[str, SecretState]:
        """Return the state of each secret."""
        with self._reading:
            self._forget_old()
            missing = [secret for secret in ids if secret not in self._states]
            found = {**self._states, **(self.secrets.states(missing) if missing else {})}
            self._states = {secret: state for secret, state in found.items() if state.is_usable}
            return {secret: found[secret] for secret in ids}

    def forget(self) -> None:
        """Read everything again when it is needed next. Never waits for a read in progress."""
        self._is_stale = True

    def _forget_old(self) -> None:
        if not self._is_stale and self.monotonic() - self._since_s <= FRESH_S:
            return
        self._is_stale = False  # before the read: what is forgotten during it counts for the next
        self._read, self._states, self._since_s = None, {}, self.monotonic()
