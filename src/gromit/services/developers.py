"""Changes that developers may make within limits. Only the API uses this."""

from collections.abc import Collection
from dataclasses import dataclass

from gromit.core.environments import desired_state, protection, refusals
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.protection import ProtectionChange
from gromit.core.environments.row_writes import WriteAccepted
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error

_PAGE = 500
"""Rows of one read."""


@dataclass(frozen=True, slots=True)
class Developers:
    """Protects, unprotects and deletes environments for developers. Repeated calls do nothing."""

    ledger: Ledger
    grace_ms: int
    """Time between deletion and reaping."""
    limit: int = 0
    """Environments that one of them may protect; 0: no limit."""

    def protect(self, name_or_ref: str, stamp: ChangeContext) -> Environment:
        """Refuse deletion of an environment. Raises `Conflict` if the actor protects too many.

        Two requests at once may exceed the limit by one: it stops a habit, and is no account.
        """
        name = self.ledger.resolve(name_or_ref)
        for _ in range(ATTEMPTS):
            environment = self._live(name, name_or_ref)
            if environment.protected:
                return environment
            self._check_limit(stamp.actor)
            write = protection.protect(protected=True, stamp=stamp)
            outcome = self.ledger.write(name, write, ProtectionChange.PROTECTED)
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    def unprotect(self, name_or_ref: str, stamp: ChangeContext) -> Environment:
        """Allow deletion again. Raises `TrustError` if someone else protects the environment."""
        name = self.ledger.resolve(name_or_ref)
        for _ in range(ATTEMPTS):
            environment = self._live(name, name_or_ref)
            if not environment.protected:
                return environment
            if environment.protected_by != stamp.actor:
                raise refusals.protected_by_another(environment)
            write = protection.unprotect_own(stamp)
            outcome = self.ledger.write(name, write, ProtectionChange.UNPROTECTED)
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    def delete(
        self, name_or_ref: str, stamp: ChangeContext, repositories: Collection[str]
    ) -> Environment:
        """Delete an environment in which one of the repositories has a reported version.

        Raises `TrustError` if none has, and `Conflict` if the environment is protected.
        """
        name = self.ledger.resolve(name_or_ref)
        for _ in range(ATTEMPTS):
            environment = self._existing(name, name_or_ref)
            if environment.want is Want.GONE:
                return environment
            if environment.reported.isdisjoint(repositories):
                raise refusals.not_of_developer(name, repositories)
            if environment.protected:
                raise refusals.is_protected(name)
            write = protection.only_with_version_of(
                desired_state.delete(stamp, self.grace_ms, "requested"), repositories
            )
            outcome = self.ledger.write(name, write, "deleted")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    def _existing(self, name: str, name_or_ref: str) -> Environment:
        environment = self.ledger.find(name)
        if environment is None or environment.gone_ms is not None:
            raise refusals.not_found(name_or_ref)
        return environment

    def _live(self, name: str, name_or_ref: str) -> Environment:
        environment = self._existing(name, name_or_ref)
        if environment.want is Want.GONE:
            raise refusals.deleted(environment)
        return environment

    def _check_limit(self, actor: str) -> None:
        if not self.limit:
            return
        found, after = list[str](), None
        while True:
            page = self.ledger.store.page(after, _PAGE)
            found += [r[Attribute.NAME] for r in page.rows if protection.is_protected_by(r, actor)]
            if (after := page.last) is None:
                break
        if len(found) >= self.limit:
            raise refusals.protects_too_many(actor, found, self.limit)
