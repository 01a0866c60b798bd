"""The clusters of environments, as people look at them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterState:
    """How one cluster stands."""

    name: str
    services: int
    """Active services."""
    running: int
    """Tasks that run."""
    pending: int
    """Tasks that start."""


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """Something that ECS says has happened to a service."""

    at: str
    """When, as ISO 8601."""
    service: str
    message: str
