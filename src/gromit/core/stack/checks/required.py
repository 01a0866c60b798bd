"""Values that a component needs in its config: required ones, its port, and paths of its health."""

from collections.abc import Iterator

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.effective import EffectiveConfig
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.programs import Program


def check_required(
    component: Component, program: Program, config: EffectiveConfig
) -> Iterator[CatalogueFault]:
    """Return the keys that a program requires, and that have no value in a readable config file."""
    if config.document is None:
        return
    for need in program.requires:
        if not any(map(config.has_value, need.any_of)):
            yield CatalogueFault(
                component=component.name,
                kind=FaultKind.KEY,
                subject=need.any_of[0],
                reason=f"has no value: without it, {need.without}",
                remedy=f"set {' or '.join(need.any_of)}",
            )


def check_port(
    component: Component, program: Program, config: EffectiveConfig
) -> CatalogueFault | None:
    """Return the mistake of a program that does not listen on the port of its component."""
    if program.listens is None or component.port is None:
        return None
    port = config.value(program.listens)
    if port is None or str(port) == str(component.port):
        return None
    return CatalogueFault(
        component=component.name,
        kind=FaultKind.HOST,
        subject=program.listens,
        reason=f"is not the port of the component, {component.port}, which alone is open",
        remedy="use one port in both places",
    )


def check_health(
    component: Component, program: Program, config: EffectiveConfig
) -> Iterator[CatalogueFault]:
    """Return the paths at which gromit asks a program that answers at another one."""
    if component.health is None:
        return
    asked = {"path": component.health.path, "ready": component.health.ready}
    for part, key in program.health.items():
        path, name = asked[part], config.value(key)
        if path and name and path.strip("/") != str(name).strip("/"):
            yield CatalogueFault(
                component=component.name,
                kind=FaultKind.KEY,
                subject=key,
                reason=f"is not the path that health.{part} of the component asks",
                remedy="use one path in both places",
            )
