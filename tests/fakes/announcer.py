"""Announcements in memory."""

from collections.abc import Collection

from gromit.core.environments.wakes import Watcher


class FakeAnnouncer:
    """The port `Announcer`: records announcements."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.woken: list[Collection[Watcher] | None] = []

    def announce(
        self,
        name: str,
        kind: str,
        text: str | None = None,
        wakes: Collection[Watcher] | None = None,
    ) -> None:
        """Record an announcement."""
        self.heard.append((name, kind))
        self.woken.append(wakes)
        self.texts += [text] if text else []
