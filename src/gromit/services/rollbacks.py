"""Rollback of environments to versions that ran before. Only the API uses this."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments import refusals, rollback
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import WriteAccepted
from gromit.core.environments.sleep import waking
from gromit.core.stack.catalogue import Catalogue
from gromit.core.time import iso, parse_moment
from gromit.errors import Conflict, InvalidInput
from gromit.ports import ImageRegistry
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error

_SHOWN = 6
"""Versions that a refusal lists."""
_HISTORY = "`gromit env history {}` shows what ran"


@dataclass(frozen=True, slots=True)
class Rollbacks:
    """Brings back versions that ran before, and pins them until a newer build arrives."""

    ledger: Ledger
    images: ImageRegistry
    catalogue: Catalogue

    def roll_back(
        self,
        name_or_ref: str,
        to: str | None,
        component: str | None,
        stamp: ChangeContext,
        mark: str | None = None,
    ) -> Environment:
        """Bring back the versions before the last change, or those of `to`: a version or a moment.

        A repeated call with the same `mark` (default: the time) changes nothing. Raises `Conflict`
        if there is nothing to bring back or an image is gone, and `InvalidInput` for a `to` that is
        no version and no moment.
        """
        name, mark = self.ledger.resolve(name_or_ref), mark or str(stamp.now_ms)
        for _ in range(ATTEMPTS):
            environment = self._live(name, name_or_ref)
            if environment.rollback == mark:
                return environment
            versions = self._versions(environment, to, component, stamp.now_ms)
            if not versions:
                raise Conflict(f"{name} has these versions already", hint=_HISTORY.format(name))
            self._check_images(name, versions)
            write = waking(
                rollback.roll_back(environment, versions, mark, stamp), environment, stamp
            )
            outcome = self.ledger.write(name, write, "rollback")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    def _live(self, name: str, name_or_ref: str) -> Environment:
        environment = self.ledger.find(name)
        if environment is None or environment.gone_ms is not None:
            raise refusals.not_found(name_or_ref)
        if environment.want is Want.GONE:
            raise refusals.deleted(environment)
        return environment

    def _versions(
        self, environment: Environment, to: str | None, component: str | None, now_ms: int
    ) -> Mapping[str, str]:
        """Return the version that each repository goes back to."""
        ran = rollback.ran_versions(environment, self._repositories)
        among = self._among(environment, component)
        if to is None:
            versions = rollback.step_back(environment, ran, among)
            if not versions:
                raise Conflict(
                    f"{environment.name} has run no earlier versions that its history knows",
                    hint=_HISTORY.format(environment.name),
                )
            return versions
        named = rollback.of_version(environment, ran, to, among)
        if named is not None:
            return named
        at_ms = parse_moment(to, now_ms)
        if at_ms is None:
            known = ", ".join(list(rollback.known_versions(ran, among))[:_SHOWN]) or "none"
            raise InvalidInput(
                f"{to!r} is no version that ran in {environment.name}, and no moment",
                hint=f"the last versions are {known}; a moment is like 2h or 2026-01-31T08:15:00Z",
            )
        found = rollback.at_moment(environment, ran, at_ms, among)
        if found is None:
            raise Conflict(
                f"the history of {environment.name} does not go back to {iso(at_ms)}",
                hint=_HISTORY.format(environment.name),
            )
        return found

    @property
    def _repositories(self) -> Mapping[str, str]:
        components = self.catalogue.components.items()
        return {name: c.repository for name, c in components if c.repository is not None}

    def _among(self, environment: Environment, component: str | None) -> frozenset[str]:
        """Return the repositories that may go back: those with a reported version."""
        if component is None:
            return environment.reported
        if component not in self.catalogue.components:
            known = ", ".join(sorted(self.catalogue.components))
            raise InvalidInput(
                f"there is no component {component!r}", hint=f"components are {known}"
            )
        return environment.reported & {self._repositories.get(component, "")}

    def _check_images(self, name: str, versions: Mapping[str, str]) -> None:
        """Raise `Conflict` if an image is gone: its fallback would run instead."""
        wanted = sorted(versions.items())
        found = self.images.digests(wanted)
        gone = [
            f"{repository}:{tag}" for repository, tag in wanted if (repository, tag) not in found
        ]
        if gone:
            raise Conflict(
                f"{name} cannot go back: the registry has no image {', '.join(gone)} any more",
                hint="choose a version whose image exists; " + _HISTORY.format(name),
            )
