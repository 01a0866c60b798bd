"""Requests to reap what exists of environments without a live row. Only the API uses this."""

from collections.abc import Callable
from dataclasses import dataclass

from gromit.core.environments import leftovers, precedence, refusals
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import WriteAccepted
from gromit.core.names import is_environment_name
from gromit.errors import InvalidInput
from gromit.services.environments import EnvironmentPolicy
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Hands leftovers to reap."""

    ledger: Ledger
    policy: EnvironmentPolicy
    new_id: Callable[[], str]

    def reap(self, name: str, stamp: ChangeContext) -> Environment:
        """Make what exists of an environment due for reaping after the grace period.

        A repeated request changes nothing. Raises `Conflict` if the environment is desired, if its
        row cannot be read, or if its name is a protected one.
        """
        if not is_environment_name(name):
            raise InvalidInput(
                f"{name!r} is not the name of an environment", hint="give the name, not a branch"
            )
        if precedence.is_protected_name(name, self.policy.protected):
            raise refusals.is_protected(name)
        for _ in range(ATTEMPTS):
            before = self.ledger.find(name)
            if before is not None and before.work is Work.REAP:
                return before
            write = leftovers.reap_leftovers(before, self.new_id(), stamp, self.policy.grace_ms)
            outcome = self.ledger.write(name, write, "deleted")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)
