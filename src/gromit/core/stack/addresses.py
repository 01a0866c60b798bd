"""What components are called, in public and inside, and where they answer."""

from collections.abc import Mapping

from gromit.core.stack.catalogue import Catalogue

NAMESPACE = "internal"
"""The one private namespace that all environments share."""


def public_name(component: str, environment: str, domain: str) -> str:
    """The public DNS name of a component: `<component>.<env>.<domain>`."""
    return f"{component}.{environment}.{domain}"


def internal_name(component: str, environment: str) -> str:
    """The name by which components find each other: `<component>.<env>.internal`."""
    return f"{component}.{environment}.{NAMESPACE}"


def urls(catalogue: Catalogue, environment: str, domain: str | None) -> Mapping[str, str]:
    """The URL of every public component; empty where no domain is set."""
    if domain is None:
        return {}
    return {
        c.name: f"http://{public_name(c.name, environment, domain)}:{c.port}"
        for c in catalogue.components.values()
        if c.public
    }
