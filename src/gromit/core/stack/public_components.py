"""Components that are reachable from the internet: all that public records depend on."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.stack.health import HealthCheck


@dataclass(frozen=True, slots=True)
class PublicComponents:
    """Public components of a catalogue."""

    names: frozenset[str]
    checks: Mapping[str, tuple[int, HealthCheck]]
    """Port and health check of each component that has one."""
