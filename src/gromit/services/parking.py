"""Parking of environments: they keep everything and run nothing. Only the API uses this."""

from collections.abc import Callable
from dataclasses import dataclass

from gromit.core.environments import parking, refusals
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import RowWrite, WriteAccepted
from gromit.core.environments.running import ran_ms
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error


@dataclass(frozen=True, slots=True)
class ParkingLot:
    """Parks environments and brings them back. A repeated call changes nothing."""

    ledger: Ledger

    def park(self, name_or_ref: str, stamp: ChangeContext) -> Environment:
        """Stop all tasks of an environment. Raises `NotFound`, and `Conflict` if it is deleted."""

        def write(environment: Environment) -> RowWrite:
            return parking.park(stamp, ran_ms(environment, stamp.now_ms))

        return self._change(name_or_ref, write, is_parked=True)

    def unpark(self, name_or_ref: str, stamp: ChangeContext) -> Environment:
        """Start the newest versions of a parked environment. Raises like `park`."""
        return self._change(name_or_ref, lambda _: parking.unpark(stamp), is_parked=False)

    def _change(
        self,
        name_or_ref: str,
        write: Callable[[Environment], RowWrite],
        *,
        is_parked: bool,
    ) -> Environment:
        name = self.ledger.resolve(name_or_ref)
        for _ in range(ATTEMPTS):
            environment = self.ledger.find(name)
            if environment is None or environment.gone_ms is not None:
                raise refusals.not_found(name_or_ref)
            if environment.want is Want.GONE:
                raise refusals.deleted(environment)
            if environment.parked is is_parked and not (is_parked and environment.asleep):
                return environment
            outcome = self.ledger.write(
                name, write(environment), "parked" if is_parked else "unparked"
            )
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)
