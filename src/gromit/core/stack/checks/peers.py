"""Peers that a component needs."""

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
                certain=need.certain and not _is_written_by_people(component),
            )


def _is_needed(need: PeerNeed, config: EffectiveConfig) -> bool:
    if any(map(config.has_value, need.unless)):
        return False
    return need.when is None or config.value(need.when) is True


def _is_written_by_people(component: Component) -> bool:
    """Whether a component has a config folder in which gromit writes no file."""
    return component.config_path is not None and not component.templates


def _remedy(need: PeerNeed) -> str:
    add = f"add a component with `program: {need.any_of[0]}`"
    return add if need.when is None else f"{add}, or switch {need.when} off"
