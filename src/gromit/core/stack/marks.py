"""Marks of resources: tags that name the environment, and the installation that made it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceMark:
    """Content of the tags of a resource."""

    environment: str | None
    """Environment that the tags mark it for; None without the mark."""
    installation: str = ""
    """Installation that the tags name; older releases and nameless installations name none."""

    def owner(self, installation: str) -> str:
        """Return the name of another installation that owns it; empty if it may be this one's."""
        return "" if self.installation == installation else self.installation


def parse_tags(tags: Mapping[str, str]) -> ResourceMark:
    """Return the mark in the tags of a resource."""
    is_managed = tags.get("managed") == "gromit"
    return ResourceMark(tags.get("env") if is_managed else None, tags.get("installation") or "")
