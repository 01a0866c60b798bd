"""What is left of environments, in memory."""

from collections.abc import Sequence


class FakeOrphanFinder:
    """The port `OrphanFinder`: finds what a test has put."""

    def __init__(self) -> None:
        self.left: dict[str, list[str]] = {}

    def find(self, environment: str) -> Sequence[str]:
        """What a test has put."""
        return list(self.left.get(environment, []))
