"""Components as the last successful apply made them, in the form of the row."""

from dataclasses import dataclass
from typing import Any

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.row_writes import Row
from gromit.core.stack.made import MadeComponent, MadeStack


@dataclass(frozen=True, slots=True)
class MadeStatus:
    """Components that run, and when and from what they were made."""

    at_ms: int
    recipe: str
    """Hash of the catalogue and the stack's files at that time."""
    components: tuple[MadeComponent, ...]
    checked_ms: int | None = None
    """Instant of the last full check; None if it is not known."""


def made_to_row(made: MadeStack, now_ms: int) -> dict[str, Any]:
    """Return the value of the row's attribute."""
    components = {c.name: c.to_row() for c in made.components}
    checked = {} if made.checked_s is None else {"checked": now_ms - 1000 * made.checked_s}
    return {"at": now_ms, "recipe": made.recipe, "components": components, **checked}


def made_from_row(row: Row) -> MadeStatus | None:
    """Return what a row stores; None if nothing was made, or an earlier release made it."""
    value = row.get(Attribute.MADE)
    if value is None:
        return None
    components = (MadeComponent.from_row(n, c) for n, c in sorted(value["components"].items()))
    return MadeStatus(value["at"], value["recipe"], tuple(components), value.get("checked"))


def replaced_components(made: MadeStatus | None, repository: str, version: str) -> tuple[str, ...]:
    """Return the components that run a fallback because the image of a version is gone."""
    components = made.components if made else ()
    return tuple(c.name for c in components if (c.repository, c.gone) == (repository, version))
