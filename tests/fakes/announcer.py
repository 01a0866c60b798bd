"""Announcements in memory."""


class FakeAnnouncer:
    """The port `Announcer`: records announcements."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def announce(self, name: str, kind: str) -> None:
        """Record an announcement."""
        self.heard.append((name, kind))
