"""Paths of a health check, which a program's config can rename."""

from collections.abc import Iterator

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.effective import EffectiveConfig
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.programs import Program


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
