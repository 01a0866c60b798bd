"""Access of people to running containers: its conditions, and its record."""

from dataclasses import replace

from gromit.core.environments import refusals
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ChangeContext, add_event
from gromit.core.environments.lifetime import activity
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import RowWrite
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.running_container import RunningContainer
from gromit.errors import Conflict, InvalidInput

EXEC = "exec"
"""Kind of the event, as histories and announcements name it."""


def check_component(environment: Environment, component: str, catalogue: Catalogue) -> None:
    """Raise an error unless people may run programs in a component that should run.

    `InvalidInput` for an unknown component; `Conflict` if it must not or does not run.
    """
    name = environment.name
    if environment.want is Want.GONE:
        raise refusals.deleted(environment)
    known = catalogue.components.get(component)
    if known is None:
        raise InvalidInput(
            f"{name} has no component {component!r}",
            hint=f"its components are {', '.join(catalogue.components)}",
        )
    if not known.exec:
        raise Conflict(
            f"the catalogue does not let people run programs in {component}",
            hint=f"an operator can add `exec: true` to the component {component}",
        )
    if environment.asleep:
        raise Conflict(f"{name} sleeps, so no task runs", hint=f"gromit env wake {name}")
    if environment.parked:
        raise Conflict(f"{name} is parked, so no task runs", hint=f"gromit env unpark {name}")


def check_container(
    name: str, component: str, container: RunningContainer | None
) -> RunningContainer:
    """Return a container that takes programs now. Raises `Conflict` for any other."""
    if container is None:
        raise Conflict(
            f"no task of {component} runs in {name}", hint=f"gromit env get {name} says why"
        )
    if not container.takes_programs:
        raise Conflict(
            f"the running task of {component} was started without ECS Exec",
            hint=f"run `gromit env redeploy {name} {component}`; if that changes nothing,"
            " the platform does not let it (platform.exec of `gromit doctor aws`)",
        )
    if not (container.is_connected and container.runtime):
        raise Conflict(
            f"the agent of ECS Exec in the task of {component} is not connected",
            hint="try again in some seconds; without a way to ssmmessages it never connects",
        )
    return container


def record(component: str, task: str, stamp: ChangeContext) -> RowWrite:
    """Record that a person gets access to a container. The environment is in use then."""
    write = add_event(stamp, EXEC, f"{component}, task {task}")
    return replace(write, sets={**write.sets, **activity(stamp.now_ms)})
