"""Remaining resources of environments, in memory."""

from collections.abc import Sequence


class FakeOrphanFinder:
    """The port `OrphanFinder`: returns what a test has added."""

    def __init__(self) -> None:
        self.left: dict[str, list[str]] = {}

    def find(self, environment: str) -> Sequence[str]:
        """Return what a test has added."""
        return list(self.left.get(environment, []))
