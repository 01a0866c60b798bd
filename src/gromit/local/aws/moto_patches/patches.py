"""How a part of the emulator is replaced, and put back."""

import functools
from collections.abc import Callable
from typing import Any


class Patches:
    """The changes made to the emulator in this process; `undo` puts the stock parts back."""

    def __init__(self) -> None:
        self._stock: list[tuple[Any, str, Any]] = []
        self._added: list[tuple[Any, str]] = []

    def replace(self, owner: Any, name: str, new: Callable[..., Any]) -> None:
        """Let `new(stock, *args, **kwargs)` stand in for the method `owner.name`; `stock` is what stood there before."""
        stock = owner.__dict__[name] if name in owner.__dict__ else getattr(owner, name)
        self._stock.append((owner, name, stock))

        @functools.wraps(stock)
        def mended(*args: Any, **kwargs: Any) -> Any:
            return new(stock, *args, **kwargs)

        setattr(owner, name, staticmethod(mended) if isinstance(stock, staticmethod) else mended)

    def add(self, owner: Any, name: str, new: Callable[..., Any]) -> None:
        """Let `new(self, *args, **kwargs)` be the method `owner.name`, which is not there; if it is, it stays."""
        if not hasattr(owner, name):
            self._added.append((owner, name))
            setattr(owner, name, new)

    def undo(self) -> None:
        """Put everything back, the newest change first."""
        while self._stock:
            owner, name, stock = self._stock.pop()
            setattr(owner, name, stock)
        while self._added:
            delattr(*self._added.pop())
