"""Health of components: who is asked, for one pass or while chitragupta watches.

The DNS records never wait for an answer: a watch asks in the background, between its passes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from gromit.core.dns.plan import RecordSet
from gromit.core.environments.health_book import (
    BAD_ANSWERS,
    HealthBook,
    HealthFinding,
    HealthKey,
    HealthTarget,
)
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.core.stack.addresses import public_name
from gromit.core.stack.health import HealthCheck, HealthStatus
from gromit.ports import ChangeFeed
from gromit.ports.health import ComponentPrograms

log = structlog.get_logger(__name__)

PAUSE_S = 2.0
"""Pause of a single pass before it asks again."""


class HealthLook(Protocol):
    """Source of the health of components."""

    def look(self, targets: Collection[HealthTarget]) -> Mapping[HealthKey, HealthStatus]:
        """Return the health of those targets that have answered.

        It is unknown where no answer counts yet.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthObserver:
    """Health of the components that the catalogue says how to ask."""

    source: HealthLook
    checks: Mapping[str, tuple[int, HealthCheck]]
    """Port and health check of each component that has one."""
    domain: str

    def find(
        self,
        settled: Collection[KnownEnvironment],
        reachable: Mapping[str, Collection[str]],
        records: Iterable[RecordSet],
    ) -> Mapping[str, Mapping[str, HealthStatus]]:
        """Return the health of the reachable components, by environment.

        Where no new answer counts yet, it is what serve shows.
        """
        addresses = {r.name: tuple(sorted(r.values)) for r in records if r.type == "A"}
        targets = [
            self._target(known, component, addresses)
            for known in settled
            for component in sorted(known.asked & self.checks.keys() & set(reachable[known.name]))
        ]
        answers = self.source.look(targets)
        before = {known.name: known.health for known in settled}
        found: dict[str, dict[str, HealthStatus]] = {known.name: {} for known in settled}
        for target in targets:
            shown = before[target.environment].get(target.component)
            if status := _newest(answers.get(target.key), shown):
                found[target.environment][target.component] = status
        return found

    def problems(self, health: Mapping[str, HealthStatus]) -> Mapping[str, str]:
        """Return the components that make their environment degraded, with reasons."""
        return {
            component: status.reason
            for component, status in health.items()
            if self.checks[component][1].degrades(status.state)
        }

    def _target(
        self, known: KnownEnvironment, component: str, addresses: Mapping[str, tuple[str, ...]]
    ) -> HealthTarget:
        port, check = self.checks[component]
        host = public_name(component, known.name, self.domain)
        return HealthTarget(
            environment=known.name,
            component=component,
            epoch=known.epoch,
            host=host,
            addresses=addresses[host],
            port=port,
            check=check,
            grace_until_ms=known.made_ms + check.grace_s * 1000,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRound:
    """Asks all targets once, and those with a bad answer again, for a single pass."""

    programs: ComponentPrograms
    rest: Callable[[float], object]
    """Wait for a number of seconds."""
    clock: Callable[[], int]
    """Clock, in milliseconds since 1970."""

    def look(self, targets: Collection[HealthTarget]) -> Mapping[HealthKey, HealthStatus]:
        """Return the health of those targets of which an answer counts."""
        book = HealthBook()
        book.follow(targets, 0.0)
        for turn in range(BAD_ANSWERS):
            asked = book.undecided()
            if not asked:
                break
            if turn:
                self.rest(PAUSE_S)
            book.record(self.programs.ask(asked), 0.0, self.clock())
        _log_blind(book, was_blind=False)
        return {**book.pending(), **book.counting()}


@dataclass(slots=True, kw_only=True)
class HealthWatch:
    """Asks in the background, each target at its own pace, and says when an answer changes."""

    programs: ComponentPrograms
    background: Executor
    monotonic: Callable[[], float]
    """Monotonic clock, in seconds."""
    clock: Callable[[], int]
    """Clock, in milliseconds since 1970."""
    _book: HealthBook = field(default_factory=HealthBook)
    _asking: Future[Mapping[HealthTarget, HealthFinding]] | None = None
    _announced: Mapping[HealthKey, HealthStatus] = field(default_factory=dict)
    _was_blind: bool = False

    def look(self, targets: Collection[HealthTarget]) -> Mapping[HealthKey, HealthStatus]:
        """Follow these targets from now on. Return what is known of them, without waiting."""
        self._book.follow(targets, self.monotonic())
        self._announced = self._book.counting()
        return {**self._book.pending(), **self._announced}

    def advance(self) -> bool:
        """Record the answers that have come, and ask who is due. Return whether health changed."""
        if self._asking is not None and self._asking.done():
            self._book.record(self._asking.result(), self.monotonic(), self.clock())
            self._asking = None
            self._was_blind = _log_blind(self._book, was_blind=self._was_blind)
        if self._asking is None and (due := self._book.due(self.monotonic())):
            self._asking = self.background.submit(self.programs.ask, due)
        counting = self._book.counting()
        changed, self._announced = counting != self._announced, counting
        return changed


@dataclass(frozen=True, slots=True)
class HealthFeed:
    """A feed that also announces a change of the health of a component."""

    feed: ChangeFeed
    health: HealthWatch

    def wait(self, seconds: float) -> bool:
        """Wait for an announcement, at most the given number of seconds."""
        return self.feed.wait(seconds) or self.health.advance()


def _newest(answer: HealthStatus | None, shown: HealthStatus | None) -> HealthStatus | None:
    """Return an answer that counts, else the one that serve shows, else the one that is pending."""
    if answer is None or (shown and shown.is_known and not answer.is_known):
        return shown
    return answer


def _log_blind(book: HealthBook, *, was_blind: bool) -> bool:
    """Log once that no component can be reached. Return whether that is so."""
    is_blind = book.is_blind()
    if is_blind and not was_blind:
        log.warning("health.unreachable", components=len(book.due(float("inf"))))
    return is_blind
