"""Failures that an image rehearses, as `gromit local push` writes them into its manifest.

This module is quick to import.
"""

FAILURE = "dev.gromit.failure"
"""Annotation of such an image: a kind and a number, such as `exit 3`."""

CRASH_S, SLOW_S = 3, 20
"""Seconds after which a crashing program ends by a signal, and a slow one listens."""

ImageFailure = tuple[str, int]
"""A kind and a number: `exit` with a code at once, `crash` or `slow` after as many seconds."""

_KINDS = {"exit", "crash", "slow"}


def write_failure(*, crash: bool, slow: bool, exit_code: int | None) -> str | None:
    """Return the text of the annotation; None for an image that does not fail."""
    if crash:
        return f"crash {CRASH_S}"
    if slow:
        return f"slow {SLOW_S}"
    return None if exit_code is None else f"exit {exit_code}"


def read_failure(text: str) -> ImageFailure | None:
    """Return the failure of an annotation; None if it is none."""
    kind, _, number = text.partition(" ")
    return (kind, int(number)) if kind in _KINDS and number.isdecimal() else None
