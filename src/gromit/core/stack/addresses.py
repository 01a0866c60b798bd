"""Public and internal names of components, and their URLs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

# Clients read names in serve's views, and need no catalogue.
if TYPE_CHECKING:
    from gromit.core.stack.catalogue import Catalogue

NAMESPACE = "internal"
"""Private namespace that all environments share."""


class NameState(StrEnum):
    """State of the public DNS name of a component."""

    PUBLISHED = "published"
    MISSING = "missing"
    BLOCKED = "blocked"
    """Another record has the name, or the environment's names are not gromit's."""
    UNKNOWN = "unknown"
    """No observation has reported the name yet. Never stored."""


@dataclass(frozen=True, slots=True)
class NameStatus:
    """State of a public name, and what blocks it."""

    state: NameState
    reason: str = ""


UNKNOWN_NAME = NameStatus(NameState.UNKNOWN)


def public_name(component: str, environment: str, domain: str) -> str:
    """Public DNS name of a component: `<component>.<env>.<domain>`."""
    return f"{component}.{environment}.{domain}"


def internal_name(component: str, environment: str) -> str:
    """Name by which components reach each other: `<component>.<env>.internal`."""
    return f"{component}.{environment}.{NAMESPACE}"


def url(component: str, environment: str, domain: str | None, port: int | None) -> str | None:
    """URL of a component; None if it has no public port, or no domain is set."""
    if domain is None or port is None:
        return None
    return f"http://{public_name(component, environment, domain)}:{port}"


def proxied_url(component: str, environment: str, proxy: str) -> str:
    """URL of a component through the proxy `localhost:PORT` of a local cloud.

    A browser takes each name below `localhost` for its own machine.
    """
    return f"http://{component}.{environment}.{proxy}/"


def urls(catalogue: "Catalogue", environment: str, domain: str | None) -> Mapping[str, str]:
    """URL of each public component of the catalogue; empty if no domain is set."""
    found = {
        c.name: url(c.name, environment, domain, c.port)
        for c in catalogue.components.values()
        if c.public
    }
    return {name: address for name, address in found.items() if address}
