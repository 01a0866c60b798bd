"""A claim as a worker holds it."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environment import Want, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One environment, held by this worker until the lease ends."""

    name: str
    kind: Work
    holder: str
    nonce: str
    epoch: int
    generation: int
    """The generation to be made true."""
    want: Want
    versions: Mapping[str, str]
    """By repository."""
    redeploys: Mapping[str, str]
    """By component."""
    spec_hash: str | None
    """Hash of what runs, if that is known for certain."""


@dataclass(frozen=True, slots=True)
class NoWork:
    """There is nothing to do now."""

    retry_s: float | None
    """When there will be, if that is known."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What serve says of a claim that is still valid."""

    generation: int
    want: Want
