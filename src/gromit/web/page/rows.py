"""Rows of the list of environments, and the list that a query selects from them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from gromit.core.environments.phases import UNREADABLE, Phase

PAGE_ROWS = 100
"""Rows of one page."""
PHASES = (*Phase, UNREADABLE)
TEXT_MAX = 200
"""Characters of a filter that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    """One environment in the list."""

    name: str
    phase: str
    versions: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    created: str = ""
    changed: str = ""
    expires: str | None = None
    protected: bool = False
    trouble: str | None = None
    suspended: str | None = None
    components: int = 0

    @property
    def text(self) -> str:
        """All that a search looks at."""
        versions = (f"{r} {v}" for r, v in self.versions.items())
        return " ".join((self.name, self.owner or "", self.trouble or "", *versions)).lower()


def environment_row(found: Mapping[str, Any]) -> EnvironmentRow:
    """Return a row of serve's overview."""
    known = {name: found[name] for name in EnvironmentRow.__dataclass_fields__ if name in found}
    return EnvironmentRow(**known)


def damaged_row(found: Mapping[str, Any]) -> EnvironmentRow:
    """Return the row of an environment that serve cannot read."""
    return EnvironmentRow(name=found["name"], phase=UNREADABLE, trouble=found["error"]["message"])


SORTS: Mapping[str, Callable[[EnvironmentRow], tuple[object, ...]]] = {
    "name": lambda r: (r.name,),
    "phase": lambda r: (PHASES.index(r.phase) if r.phase in PHASES else len(PHASES), r.name),
    "owner": lambda r: (r.owner is None, r.owner or "", r.name),
    "age": lambda r: (r.created, r.name),
    "changed": lambda r: (r.changed, r.name),
    "expires": lambda r: (r.expires is None, r.expires or "", r.name),
}
"""Keys of each order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Filter, order and page of the list, as the address of the page has them."""

    phase: str = ""
    search: str = ""
    repository: str = ""
    prefix: str = ""
    owner: str = ""
    sort: str = "name"
    order: str = "up"
    page: int = 1

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "ListQuery":
        """Return the query of an address. What is not understood counts as absent."""
        texts = ("search", "repository", "prefix", "owner")
        page = given.get("page", "1")
        return cls(
            phase=given.get("phase", "") if given.get("phase") in PHASES else "",
            sort=given["sort"] if given.get("sort") in SORTS else "name",
            order="down" if given.get("order") == "down" else "up",
            page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
            **{name: given.get(name, "").strip()[:TEXT_MAX] for name in texts},
        )

    def address(self, **changes: object) -> str:
        """Return the query of the address with some changes, without what is as by default."""
        target = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type] # checked by callers
        plain = ListQuery()
        fields = {
            name: getattr(target, name)
            for name in self.__dataclass_fields__
            if getattr(target, name) != getattr(plain, name)
        }
        return f"?{urlencode(fields)}" if fields else "?"

    def sorted_by(self, sort: str) -> str:
        """Return the query in another order; the other direction if it has that order already."""
        is_same = sort == self.sort
        return self.address(sort=sort, order="down" if is_same and self.order == "up" else "up")

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the phase is asked for."""
        return bool(self.search or self.repository or self.prefix or self.owner)

    def fits(self, row: EnvironmentRow) -> bool:
        """Whether a row passes all filters but that of the phase."""
        return (
            row.name.startswith(self.prefix)
            and (not self.repository or self.repository in row.versions)
            and self.owner.lower() in (row.owner or "").lower()
            and (not self.search or self.search.lower() in row.text)
        )

    def has_phase(self, row: EnvironmentRow) -> bool:
        """Whether a row has the phase; without one, whether it is not gone."""
        return row.phase == self.phase if self.phase else row.phase != Phase.GONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Rows of one page, and the numbers of all that fit."""

    rows: tuple[EnvironmentRow, ...]
    total: int
    page: int
    pages: int
    counts: Mapping[str, int]
    """Environments of each phase that pass the other filters."""

    @property
    def live(self) -> int:
        """Number of environments that are not gone."""
        return sum(count for phase, count in self.counts.items() if phase != Phase.GONE)


def select_rows(rows: Iterable[EnvironmentRow], query: ListQuery) -> Selection:
    """Return the rows of the page that a query asks for; its last page if it has fewer."""
    fitting = [row for row in rows if query.fits(row)]
    counts = Counter(row.phase for row in fitting)
    found = sorted(filter(query.has_phase, fitting), key=SORTS[query.sort])
    if query.order == "down":
        found.reverse()
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(query.page, pages)
    shown = tuple(found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS])
    ordered = {phase: counts[phase] for phase in PHASES if counts[phase]}
    return Selection(rows=shown, total=len(found), page=page, pages=pages, counts=ordered)
