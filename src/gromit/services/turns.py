"""Turns of repositories in the queue of due work, as this process of serve gives them.

The index of work does not name repositories. So the repository of work is remembered by the name
and the instant of its request: another build has another instant. Only work that this process did
not record itself is looked up, and only while there is a choice. Turns are remembered in this
process only. Another process of serve sees the claims that it did not give out as held work.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row
from gromit.core.environments.turns import UNKNOWN_REPOSITORY, DueRows, DueWork, by_turns
from gromit.errors import Denied
from gromit.services.kept_order import KeptOrder
from gromit.services.ledger import Ledger

log = structlog.get_logger(__name__)

LOOKED_UP = 100
"""Rows whose repositories one look asks for: as many as one call reads."""
REMEMBERED = 20_000
"""Work and claims that are remembered, the newest ones. An entry takes some 200 bytes."""
ASK_AGAIN_MS = 10 * 60_000
"""Time after a refusal to look repositories up in which none are looked up."""


@dataclass(slots=True)
class Turns:
    """Gives the order of turns. Every method may be called from any thread."""

    _repositories: OrderedDict[tuple[str, int], str] = field(default_factory=OrderedDict)
    _turns: dict[tuple[str, str], int] = field(default_factory=dict)
    """Kind of work and repository to the number of its last turn."""
    _number: int = 0
    _claims: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """Claims whose turns are noted. The index of work may show them later, or again."""
    _behind: dict[str, DueWork] = field(default_factory=dict)
    """Kind of work to the last entry of the page that was read behind a full one."""
    _kept: KeptOrder = field(default_factory=KeptOrder)
    _tried: set[str] = field(default_factory=set)
    _refused_ms: int | None = None
    """Instant of the last refusal to look repositories up; None if the last time it was allowed."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def due(
        self, ledger: Ledger, kind: Work, now_ms: int, limit: int, claim_id: str | None = None
    ) -> DueRows:
        """Return due work as the port `EnvironmentStore.due` does, but in the order of turns.

        One query, and if there is a choice at most one read of rows that are not known yet.
        """
        made = ledger.made.of(kind)
        rows = ledger.store.due(kind, now_ms, limit, claim_id)
        if len(rows.work) < 2:
            return rows
        work = self._with_page_behind(ledger, kind, now_ms, rows)
        are_known = self._learn(ledger, [*rows.held, *work], now_ms)
        with self._lock:
            self._note_others(kind, rows.held)
            turns = {name: n for (of, name), n in self._turns.items() if of == kind}
            ordered = by_turns(work, self._repository, turns, now_ms, claim_id)
        names = tuple(w.name for w in ordered)
        if are_known and not rows.is_cut:  # else each look finds out more
            self._kept.keep(kind, names, now_ms, made)
        return replace(rows, names=names[:limit])

    def kept(self, ledger: Ledger, kind: Work, now_ms: int, claim_id: str) -> Iterator[str]:
        """Yield the environments that the last look found and no request has tried yet.

        None, if time has passed or this process has made work since. The order is that of turns.
        """
        with self._lock:
            is_repeated = claim_id in self._claims
        while not is_repeated and (name := self._kept.pop(kind, now_ms, ledger.made.of(kind))):
            if not self.is_tried(name):
                yield name

    def forget(self, kind: Work) -> None:
        """Require a look for the next claim: the last one has been overtaken."""
        self._kept.forget(kind)

    def drop(self, name: str) -> None:
        """Remove work that was put off from what the last look found."""
        self._kept.remove(name)

    @contextmanager
    def trying(self, name: str) -> Iterator[None]:
        """Mark an environment as one that a request tries to claim."""
        self._tried.add(name)
        self._kept.remove(name)  # whatever comes of it: it may be put off
        try:
            yield
        finally:
            self._tried.discard(name)

    def is_tried(self, name: str) -> bool:
        """Whether a request tries to claim an environment now."""
        return name in self._tried

    def take(self, kind: Work, environment: Environment) -> None:
        """Note the turn of the repository whose work was handed out."""
        row = environment.row
        with self._lock:
            self._turn(kind, str(row.get(Attribute.CLAIM_ID)), _repository_of(row))

    def _with_page_behind(
        self, ledger: Ledger, kind: Work, now_ms: int, rows: DueRows
    ) -> Sequence[DueWork]:
        """Return due work, with a page from behind a full one.

        Each look reads another page, so that no work stays unseen behind a full page.
        """
        if not rows.is_cut:
            self._behind.pop(kind, None)
            return rows.work
        last = self._behind.get(kind, rows.work[-1])
        behind = ledger.store.due_behind(kind, now_ms, last)
        if behind.is_cut:
            self._behind[kind] = behind.work[-1]
        else:
            self._behind.pop(kind, None)
        return tuple({w.name: w for w in (*behind.work, *rows.work)}.values())

    def _learn(self, ledger: Ledger, work: Iterable[DueWork], now_ms: int) -> bool:
        """Remember the repositories of work: of rows that this process knows, or looks up.

        Return whether that was all of it, because one look does not ask for more than a call has.
        """
        with self._lock:
            unknown = [w for w in work if (w.name, w.since_ms) not in self._repositories]
        found: dict[str, Row] = {}
        for one in unknown:
            row = ledger.known.guess(one.name)
            if row is not None and row.get(Attribute.SINCE) == one.since_ms:
                found[one.name] = row
        # The index may show a row twice while it moves, and one call names each row once.
        missing = list(dict.fromkeys(w.name for w in unknown if w.name not in found))
        asked = missing[:LOOKED_UP]
        is_refused = self._refused_ms is not None and now_ms - self._refused_ms < ASK_AGAIN_MS
        if asked and not is_refused:
            found |= self._look_up(ledger, asked, now_ms)
        with self._lock:
            for one in unknown:
                if one.name in found:
                    self._repositories[one.name, one.since_ms] = _repository_of(found[one.name])
            while len(self._repositories) > REMEMBERED:
                self._repositories.popitem(last=False)
        return asked == missing or self._refused_ms is not None

    def _look_up(self, ledger: Ledger, names: Sequence[str], now_ms: int) -> dict[str, Row]:
        try:
            found = dict(ledger.store.last_builds(names))
        except Denied as error:
            # The rights of an earlier release. All that is not known takes turns together.
            if self._refused_ms is None:
                log.warning("turns.unknown", reason=error.message, hint="apply terraform/infra")
            self._refused_ms = now_ms
            return {}
        self._refused_ms = None
        return found

    def _note_others(self, kind: Work, held: Iterable[DueWork]) -> None:
        """Note the turns of claims that another process gave out, or this one before a restart."""
        for one in held:
            if one.claim_id is not None and one.claim_id not in self._claims:
                self._turn(kind, one.claim_id, self._repository(one))

    def _turn(self, kind: Work, claim_id: str, repository: str) -> None:
        self._number += 1
        self._turns[kind, repository] = self._number
        self._claims[claim_id] = None
        if len(self._claims) > REMEMBERED:
            self._claims.popitem(last=False)

    def _repository(self, work: DueWork) -> str:
        return self._repositories.get((work.name, work.since_ms), UNKNOWN_REPOSITORY)


def _repository_of(row: Row) -> str:
    repository = row.get(Attribute.LAST_BUILD)
    return repository if isinstance(repository, str) else UNKNOWN_REPOSITORY
