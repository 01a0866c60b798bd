"""Limits of new environments: how many a repository, and a token at the gateway, may have.

They are counted in one read of the table, which new environments share for a minute; builds of
known ones cost nothing. What this process creates meanwhile is added. A refusal needs a count of
the last seconds, so that a deletion makes room soon. Several serves may exceed a limit by what they
create within a minute: the limits stop floods, they are no accounts.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field

from gromit.core.environments.attributes import VERSION, Attribute
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.refusals import too_many
from gromit.core.environments.row_writes import Row
from gromit.errors import Conflict
from gromit.ports import EnvironmentStore

FRESH_MS = 60_000
"""Longest use of one count."""
RECOUNT_MS = 10_000
"""Longest use of a count that would refuse an environment."""
_PAGE = 500
"""Rows of one read."""


@dataclass(slots=True)
class _Population:
    """Numbers of environments that are wanted up."""

    at_ms: int
    by_repository: Counter[str] = field(default_factory=Counter)
    by_requester: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count an environment for each repository that has reported, and for its creator."""
        if row.get(Attribute.WANT) != Want.UP:
            return
        self.by_repository.update(a.removeprefix(VERSION) for a in row if a.startswith(VERSION))
        requester = row.get(Attribute.REQUESTER)
        if isinstance(requester, str):  # the row may be damaged
            self.by_requester[requester] += 1


class CreationLimits:
    """The limits, and the present numbers. 0 is no limit."""

    def __init__(self, per_repository: int = 0, per_token: int = 0) -> None:
        self.per_repository = per_repository
        self.per_token = per_token
        self._lock = threading.Lock()
        self._population: _Population | None = None

    def admit(self, store: EnvironmentStore, repository: str, stamp: ChangeContext) -> None:
        """Count a new environment. Raises `Conflict` if there are too many already."""
        if not (self.per_repository or self.per_token):
            return
        with self._lock:
            population = self._count(store, stamp.now_ms, FRESH_MS)
            if self._refusal(population, repository, stamp):
                population = self._count(store, stamp.now_ms, RECOUNT_MS)
                if refusal := self._refusal(population, repository, stamp):
                    raise refusal
            population.by_repository[repository] += 1
            if stamp.requester is not None:
                population.by_requester[stamp.requester] += 1

    def _count(self, store: EnvironmentStore, now_ms: int, fresh_ms: int) -> _Population:
        known = self._population
        if known is not None and 0 <= now_ms - known.at_ms < fresh_ms:
            return known
        population, after = _Population(now_ms), None
        while True:
            page = store.page(after, _PAGE)
            for row in page.rows:
                population.add(row)
            if (after := page.last) is None:
                self._population = population
                return population

    def _refusal(
        self, population: _Population, repository: str, stamp: ChangeContext
    ) -> Conflict | None:
        count, limit = population.by_repository[repository], self.per_repository
        if limit and count >= limit:
            return too_many(repository, repository, limit, "environments.per_repository")
        token, limit = stamp.requester, self.per_token
        if limit and token is not None and population.by_requester[token] >= limit:
            return too_many(f"token {token}", repository, limit, "environments.per_token")
        return None
