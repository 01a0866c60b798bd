"""Replacement of all versions of an environment (PUT), which creates it if there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gromit.core.environments import desired_state
from gromit.core.environments.desired_state import NewIncarnation
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.row_writes import WriteAccepted
from gromit.services.fallbacks import FallbackLookup
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error


@dataclass(frozen=True, slots=True)
class Replacement:
    """Versions that an environment is to have."""

    name: str
    leaf: str
    """Last path element of the branch, with which images may be tagged."""
    versions: Mapping[str, str]
    stamp: ChangeContext


@dataclass(frozen=True, slots=True)
class Replacer:
    """Replaces the versions of environments."""

    ledger: Ledger
    fallbacks: FallbackLookup
    new_id: Callable[[], str]

    def __call__(self, request: Replacement, *, protected: bool) -> Environment:
        """Return the environment afterwards. `protected` is that of a new one."""
        name, stamp = request.name, request.stamp
        reported = desired_state.reported_attributes(request.versions)
        others = self.fallbacks.catalogue.repositories - set(request.versions)
        for _ in range(ATTEMPTS):
            before = self.ledger.find(name)
            row = before.row if before else None
            fallbacks = self.fallbacks.find(others, request.leaf, name, row)
            if before is None or before.gone_ms is not None:
                new = NewIncarnation(self.new_id(), protected, fallbacks)
                write = desired_state.create_incarnation(
                    row, new, reported, stamp, "versions given"
                )
            else:
                write = desired_state.replace_versions(before.row, reported, fallbacks, stamp)
            outcome = self.ledger.write(name, write, "replaced")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)
