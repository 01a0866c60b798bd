"""Clusters of environments, as shown to people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Status of one cluster."""

    name: str
    services: int
    """Number of active services."""
    running: int
    """Number of running tasks."""
    pending: int
    """Number of starting tasks."""
    is_ours: bool = True
    """Whether it bears the mark of the environment of its name."""
    owner: str = ""
    """Installation that its tags name, if that is another one: then it is not ours."""


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """Event of a service, as ECS reports it."""

    at: str
    """Time in ISO 8601."""
    service: str
    message: str
