"""Peers that a component needs, and the port on which it has to listen."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.effective import EffectiveConfig
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.programs import PeerNeed, Program


def check_peers(
    component: Component, program: Program, config: EffectiveConfig, running: AbstractSet[str]
) -> Iterator[CatalogueFault]:
    """Return the programs that a component needs beside it, and that no component runs."""
    for need in program.needs:
        if not running & set(need.any_of) and _is_needed(need, config):
            yield CatalogueFault(
                component=component.name,
                kind=FaultKind.PEER,
                subject=need.when or "components",
                reason=f"no component runs {' or '.join(need.any_of)}: {need.without}",
                remedy=_remedy(need),
                certain=need.certain,
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


def _is_needed(need: PeerNeed, config: EffectiveConfig) -> bool:
    if any(config.value(key) for key in need.unless):
        return False
    return need.when is None or config.value(need.when) is True


def _remedy(need: PeerNeed) -> str:
    add = f"add a component with `program: {need.any_of[0]}`"
    return add if need.when is None else f"{add}, or switch {need.when} off"
