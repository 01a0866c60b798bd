"""Results of the check of a catalogue."""

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """Kind of a mistake in a catalogue. The names are stable: scripts may rely on them."""

    FILE = "file"
    """A config file that its program cannot read or does not get."""
    KEY = "key"
    """A key or variable that its program does not know, or whose value it cannot take."""
    HOST = "host"
    """A host or port that no peer and no part of the platform has."""
    SECRET = "secret"  # noqa: S105 - the name of a kind
    """A required secret without a source, in plain text, or not equal to its counterpart."""
    PEER = "peer"
    """A component without another one that it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueFault:
    """One mistake in a catalogue, and its remedy."""

    component: str
    kind: FaultKind
    subject: str
    """Config file and key, or variable, that is wrong."""
    reason: str
    remedy: str
    certain: bool = True
    """Whether it is a mistake for sure; otherwise it is a warning."""
