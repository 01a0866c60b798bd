"""Announcements in memory."""


class FakeAnnouncer:
    """The port `Announcer`: records announcements."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.texts: list[str] = []

    def announce(self, name: str, kind: str, text: str | None = None) -> None:
        """Record an announcement."""
        self.heard.append((name, kind))
        self.texts += [text] if text else []
