"""Replacement of the emulator's functions, and its reversal."""

import functools
from collections.abc import Callable
from typing import Any

_KINDS = (staticmethod, classmethod)
"""Kinds of methods that a replacement keeps."""


class Patches:
    """Changes made to the emulator in this process; `undo` restores the stock functions."""

    def __init__(self) -> None:
        self._stock: list[tuple[Any, str, Any]] = []
        self._added: list[tuple[Any, str]] = []

    def replace(self, owner: Any, name: str, new: Callable[..., Any]) -> None:
        """Replace the method `owner.name` by `new(stock, *args, **kwargs)`.

        `stock` is the method that it replaces.
        """
        stock = owner.__dict__[name] if name in owner.__dict__ else getattr(owner, name)
        self._stock.append((owner, name, stock))

        @functools.wraps(stock)
        def patched(*args: Any, **kwargs: Any) -> Any:
            return new(stock, *args, **kwargs)

        kind = next((kind for kind in _KINDS if isinstance(stock, kind)), None)
        setattr(owner, name, kind(patched) if kind else patched)

    def add(self, owner: Any, name: str, new: Callable[..., Any]) -> None:
        """Add `new(self, *args, **kwargs)` as the method `owner.name`, unless it exists."""
        if not hasattr(owner, name):
            self._added.append((owner, name))
            setattr(owner, name, new)

    def undo(self) -> None:
        """Restore everything, the newest change first."""
        while self._stock:
            owner, name, stock = self._stock.pop()
            setattr(owner, name, stock)
        while self._added:
            delattr(*self._added.pop())
