"""Clients of AWS that are made when they are first used.

A client reads the model of its service, which takes up to 0.1 s. A pass with nothing to do needs
few of the clients that work would need.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class LazyClient:
    """Makes a client at the first use of any of its attributes."""

    _making = threading.RLock()
    """boto3 must not make two clients of a session at the same time."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._made: object = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            self._make_once()
        return getattr(self._made, name)

    def _make_once(self) -> None:
        with self._making:
            if self._made is None:
                self._made = self._make()


def lazy_client(make: Callable[[], T]) -> T:
    """Return the client that `make` returns, made when it is first used."""
    return cast("T", LazyClient(make))
