"""Access of people to running containers. Only the API uses this."""

from dataclasses import dataclass

from gromit.core.environments import exec_access, refusals
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.row_writes import WriteAccepted
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.running_container import RunningContainer
from gromit.ports.running_containers import RunningContainers
from gromit.services.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ExecAccess:
    """Says in which container a person may run a program, after it has recorded who asks."""

    ledger: Ledger
    catalogue: Catalogue
    containers: RunningContainers

    def grant(self, name_or_ref: str, component: str, stamp: ChangeContext) -> RunningContainer:
        """Record the access in history and audit, then return the container.

        Raises `NotFound`, `InvalidInput`, and `Conflict` if no program may or can run there.
        """
        name = self.ledger.resolve(name_or_ref)
        environment = self.ledger.find(name)
        if environment is None or environment.gone_ms is not None:
            raise refusals.not_found(name_or_ref)
        exec_access.check_component(environment, component, self.catalogue)
        newest = self.containers.newest(name, component)
        container = exec_access.check_container(name, component, newest)
        write = exec_access.record(component, container.task, stamp)
        outcome = self.ledger.write(name, write, exec_access.EXEC)
        if not isinstance(outcome, WriteAccepted):  # it was destroyed in between
            raise refusals.not_found(name_or_ref)
        return container
