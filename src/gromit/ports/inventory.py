"""Ports of the doctor of environments: listings of everything, and repairs.

Each listing costs a few calls, whatever the number of environments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gromit.core.discrepancies.facts import RowFacts
    from gromit.core.environments.terraform_locks import Lock
    from gromit.core.stack.component_inputs import Image
    from gromit.core.stack.contract import Platform
    from gromit.core.stack.resources import AccountedResource, ListedResource


@dataclass(frozen=True, slots=True)
class RowListing:
    """All rows of the table."""

    rows: tuple[RowFacts, ...]
    unreadable: frozenset[str]
    """Names of the rows that cannot be parsed."""


class RowDirectory(Protocol):
    """All environments of serve, tombstones included, and changes that an operator may request."""

    def listing(self) -> RowListing:
        """Return all rows. Raises if the answer of serve is incomplete."""

    def find(self, name: str) -> RowFacts | None:
        """Return one row; None if there is none. Raises a `GromitError` if it cannot be read."""

    def suspension(self, name: str) -> str | None:
        """Return what suspends an environment, also all processing or a repository of it."""

    def redeploy(self, name: str) -> None:
        """Make an environment due, so that its stack is applied. Raises `Conflict`."""

    def retry(self, name: str) -> None:
        """Make work that failed, or that no worker continues, due. Raises `Conflict`."""

    def reap(self, name: str) -> None:
        """Make what exists of an environment without a live row due for reaping.

        Raises `Conflict` if its row is live, or its name is protected.
        """


@dataclass(frozen=True, slots=True)
class StateNames:
    """Environments with an object in the state bucket."""

    states: frozenset[str]
    locks: frozenset[str]


class StateArchive(Protocol):
    """The state bucket as a whole."""

    def names(self) -> StateNames:
        """Return the environments that have a state or a lock."""

    def set_aside(self, lock: Lock) -> str:
        """Rename the state of a locked environment, and return its new URL; "" without a state.

        Raises `Conflict` if the state changes meanwhile.
        """

    def copy(self, source: str, target: str) -> bool:
        """Copy the state of a name of gromit v1 to that of an environment.

        False without such a state, or if the environment has one: that one stays.
        """

    def v1_names(self) -> frozenset[str]:
        """Return the names that have a state although no environment can have them."""

    def has_other(self, source: str, target: str) -> bool:
        """Whether both names have a state, and not the same."""

    def set_v1_aside(self, name: str) -> str:
        """Rename the state of a name of `v1_names`, and return its new URL; "" without a state.

        Raises `Conflict` if the state changes meanwhile.
        """


class ResourceListing(Protocol):
    """Resources of all environments, but for clusters and what they contain."""

    def all(
        self, platform: Platform, accounted: Collection[AccountedResource]
    ) -> Sequence[ListedResource]:
        """Return all resources that bear the mark of an environment, or only its name.

        Those in `accounted` bear the mark. Task definitions are listed by family, which is then
        the id; they need the mark, because a name in that form blocks nothing.
        """


class ConfigFolders(Protocol):
    """The config root as a whole."""

    def folders(self) -> Mapping[str, bool]:
        """Return each environment's folder, and whether gromit has written in it."""

    def set_aside(self, environment: str) -> str:
        """Rename an environment's folder within the root, and return its new name."""


class ImageExpiries(Protocol):
    """Expiry of images in their registries."""

    def expiries(self, images: Iterable[Image]) -> Mapping[Image, int | None]:
        """Return the instant at which each image that exists is removed; None if it never is.

        Images are asked for by a tag or a digest.
        """
