"""Announcements in memory."""


class FakeAnnouncer:
    """The port `Announcer`: notes what was announced."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def announce(self, name: str, kind: str) -> None:
        """Note it."""
        self.heard.append((name, kind))
