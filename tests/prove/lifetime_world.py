"""A random world of environments on a virtual clock, and what must hold in it for lifetimes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.expiry import EXPIRING
from gromit.core.environments.lifetime import LifetimePolicy, LifetimeRule, lifetime_of
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.sweep import SweepPolicy
from gromit.core.names import branch_digest
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict, NotFound
from gromit.services.lifetimes import ACTOR, Lifetimes
from gromit.services.sweeps import Sweeps
from tests.services.registry import CATALOGUE, GRACE_MS, Registry

HOUR = 3_600_000
DAY = 24 * HOUR
PAUSE = 6 * HOUR
REPOSITORIES = ("tyk", "tyk-pump")
_LOOKED_AT = 5
"""Passes between two checks of all that live on."""
_ADDED_LATER = ("touched", "life", "look_at", "warned", "keep_until")


@dataclass
class Fate:
    """Facts that the world knows about one environment without its row."""

    used_ms: int
    """Last build or action of a person."""
    kept_until_ms: int = 0
    floor_ms: int = 0
    """Deadline before the last change of the settings, which may hold on."""
    is_old: bool = False
    """Whether the row of an older version has not been used since; its idle time starts later."""
    seen: dict[str, int] = field(default_factory=dict)
    """By repository: the last list that had its branch, or the last use."""


class LifetimeWorld:
    """Environments, their branches, and serve with its settings."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.registry = Registry(protected=("release-*",))
        self.fates: dict[str, Fate] = {}
        self.branches: dict[str, set[str]] = {r: {"master"} for r in REPOSITORIES}
        self.expired: dict[str, int] = {}
        """Environments that expired and were not revived, each with the instant."""
        self.halted_until_ms = 0
        self.passes = 0
        self.policy = self._policy()
        self.pass_ms = max(60_000, self.policy.idle_ms // 150)
        ledger, share = self.registry.environments.ledger, self.random.choice([20, 50, 100])
        self.sweeps = Sweeps(ledger, CATALOGUE, SweepPolicy(PAUSE, share), GRACE_MS)
        self._start()

    @property
    def now(self) -> int:
        return self.registry.now_ms

    def run(self) -> Iterator[str]:
        """Live for three idle times; yield each violation."""
        for number in range(self.random.randint(4, 25)):
            self._build(f"env-{number}")
        self._build("release-9")
        if self.random.random() < 0.4:
            self._upgrade()
        end = self.now + 3 * self.policy.idle_ms
        while self.now < end:
            self.registry.now_ms += self.pass_ms
            for _ in range(self.random.choice([0, 0, 0, 1, 2])):
                yield from self._act()
            if self.now >= self.halted_until_ms:
                yield from self._pass()

    # ── what happens ──────────────────────────────────────────────────────────────────────────────

    def _act(self) -> Iterator[str]:
        name = self.random.choice([*self.fates])
        acts = (self._build, self._again, self._person, self._work, self._branch_dies, self._halt)
        weights = (3, 3, 3, 4, 2, 0.3)
        if self.random.random() < 0.15:
            yield from self._sweep(self.random.choice(REPOSITORIES))
            return
        try:
            self.random.choices(acts, weights)[0](name)
        except (Conflict, NotFound):
            return  # it is deleted, held or protected

    def _build(self, name: str) -> None:
        repository = self.random.choice(REPOSITORIES)
        self._report(name, repository, f"sha-{self.now}")

    def _again(self, name: str) -> None:
        environment = self._find(name)
        if environment and environment.want is Want.UP and environment.reported:
            repository = self.random.choice(sorted(environment.reported))
            self._report(name, repository, environment.versions[repository].version)

    def _report(self, name: str, repository: str, version: str) -> None:
        before = self._find(name)
        self.registry.report(repository, version, ref=name)
        self.branches[repository].add(name)
        fate = self.fates.setdefault(name, Fate(self.now))
        if before is not None and before.gone_ms is not None:
            fate.kept_until_ms = 0
        if before is None or before.want is Want.GONE:
            fate.floor_ms = 0
        self._used(name)
        fate.seen[repository] = self.now

    def _person(self, name: str) -> None:
        environments, stamp = self.registry.environments, self.registry.stamp("operator:a")
        match self.random.choice(["redeploy", "retry", "extend", "protect", "set", "delete"]):
            case "redeploy":
                environments.redeploy(name, None, stamp)
            case "retry":
                environments.retry(name, stamp)
            case "extend":
                length = self.random.choice([HOUR, DAY, self.policy.idle_ms + DAY])
                self.lifetimes.extend(name, timedelta(milliseconds=length), stamp)
                fate = self.fates[name]
                fate.kept_until_ms = max(fate.kept_until_ms, self.now + length)
            case "protect":
                is_on = self.random.random() < 0.3
                environments.protect(name, protected=is_on, stamp=stamp)
                if self._row(name).get("touched") != self.now:
                    return  # it was so before
            case "set":
                environments.patch(name, {"tyk": f"sha-{self.now}"}, stamp)
            case _:
                environments.delete(name, stamp)
                return
        self._used(name)

    def _used(self, name: str) -> None:
        self.expired.pop(name, None)
        self.fates[name].used_ms, self.fates[name].is_old = self.now, False
        for repository in self.fates[name].seen:
            self.fates[name].seen[repository] = max(self.fates[name].seen[repository], 0)

    def _work(self, _name: str) -> None:
        """Let a worker do something, which is no use of an environment."""
        kind = self.random.choice([Work.SOW, Work.REAP])
        leases, nonce = self.registry.leases, f"n-{self.random.random()}"
        claimed = leases.claim(kind, Claimant("worker", nonce), self.now)
        if not isinstance(claimed, Environment):
            return
        fence, stamp = self.registry.fence(claimed), self.registry.stamp("worker")
        if kind is Work.SOW:
            leases.sown(claimed.name, fence, nonce, MadeStack("hash"), stamp)
        else:
            leases.reaped(claimed.name, fence, nonce, stamp)

    def _branch_dies(self, name: str) -> None:
        self.branches[self.random.choice(REPOSITORIES)].discard(name)

    def _halt(self, _name: str) -> None:
        """Stop reap for a while; serve perhaps gets other settings."""
        self.halted_until_ms = self.now + self.random.randint(0, self.policy.idle_ms)
        if self.random.random() < 0.5:
            for name, fate in self.fates.items():
                if environment := self._find(name):
                    fate.floor_ms = lifetime_of(environment, self.policy).ends_ms or 0
            self.policy = self._policy()
        self._start()

    def _upgrade(self) -> None:
        """Make the rows those of an older version."""
        for name in self.fates:
            row = self._row(name)
            self.registry.store.put({a: v for a, v in row.items() if a not in _ADDED_LATER})
            self._used(name)
            self.fates[name].is_old = True

    # ── passes ────────────────────────────────────────────────────────────────────────────────────

    def _pass(self) -> Iterator[str]:
        before = {name: row for name in self.fates if (row := self._row(name))["want"] == "up"}
        self._start_idle_times()
        done = self.lifetimes.run_pass(self.now)
        self.expired |= dict.fromkeys(done.expired, self.now)
        # With a lower limit than before, more may have expired already: no more may now.
        in_an_hour = sum(at > self.now - HOUR for at in self.expired.values())
        if done.expired and in_an_hour > self.policy.limit:
            yield f"more than {self.policy.limit} expired within an hour"
        self.passes += 1
        for name, row in before.items():
            after = self._row(name)
            if after["want"] == "gone":
                yield from self._died(parse_environment(row), parse_environment(after))
            elif self.passes % _LOOKED_AT == 0:
                yield from self._lives_on(parse_environment(row))

    def _start_idle_times(self) -> None:
        """The first pass starts the idle time of the rows of an older version."""
        for name, fate in self.fates.items():
            environment = self._find(name)
            if fate.is_old and environment is not None:
                fate.floor_ms, fate.is_old = self.now + self._idle(environment), False

    def _died(self, known: Environment, after: Environment) -> Iterator[str]:
        name, idle_ms, fate = known.name, self._idle(known), self.fates[known.name]
        if known.protected or not idle_ms:
            yield f"{name} died although it does not expire"
            return
        ends_ms = max(fate.used_ms + idle_ms, fate.kept_until_ms)
        if self.now < ends_ms:
            yield f"{name} died {ends_ms - self.now} ms early"
        warned = [e.at_ms for e in after.events if e.kind == EXPIRING and e.at_ms >= fate.used_ms]
        leads = (min(DAY, idle_ms // 2) // 2, min(HOUR, idle_ms // 8) // 2)
        if len(warned) != len(leads):
            yield f"{name} died after {len(warned)} warnings"
        elif any(self.now - at < lead for at, lead in zip(warned, leads, strict=True)):
            yield f"{name} died too soon after a warning"
        if after.events[-1].actor != ACTOR:
            yield f"{name} has no event of its expiry"

    def _lives_on(self, known: Environment) -> Iterator[str]:
        idle_ms, fate = self._idle(known), self.fates[known.name]
        if known.protected or not idle_ms:
            return
        ends_ms = max(fate.used_ms + idle_ms, fate.kept_until_ms, fate.floor_ms)
        # After a halt both warnings come late, and those over the limit wait for each other.
        late_ms = self.halted_until_ms + min(DAY, idle_ms // 2)
        queue_ms = (len(self.fates) // self.policy.limit + 2) * HOUR
        if self.now > max(ends_ms, late_ms) + queue_ms + 4 * self.pass_ms:
            yield f"{known.name} lives {self.now - max(ends_ms, late_ms)} ms too long"

    def _sweep(self, repository: str) -> Iterator[str]:
        names = set(self.branches[repository])
        before = {name: self._parts(name) for name in self.fates}
        for name in names & self.fates.keys():
            self.fates[name].seen[repository] = self.now
        listed = [branch_digest(name) for name in names]
        result = self.sweeps.run(repository, listed, self.registry.stamp("gateway:g"))
        for name, parts in before.items():
            lost = parts - self._parts(name)
            if lost - {repository}:
                yield f"a sweep of {repository} took {sorted(lost)} from {name}"
            if lost and (name in names or name not in result.retired):
                yield f"a sweep of {repository} took the living branch {name}"
            if lost and self.now - self.fates[name].seen.get(repository, 0) < PAUSE:
                yield f"{name} was swept too soon"
            if lost and self._row(name).get("protected"):
                yield f"the protected {name} was swept"

    # ── helpers ───────────────────────────────────────────────────────────────────────────────────

    def _policy(self) -> LifetimePolicy:
        idle_ms = self.random.choice([2 * HOUR, DAY, 3 * DAY, 14 * DAY])
        rules = [
            LifetimeRule("env-1*", None, self.random.choice([0, HOUR, 2 * idle_ms]), "env-1*"),
            LifetimeRule("*", "tyk-pump", idle_ms // 2, "*@tyk-pump"),
        ]
        chosen = tuple(rule for rule in rules if self.random.random() < 0.4)
        return LifetimePolicy(idle_ms, chosen, limit=self.random.choice([2, 5, 50]))

    def _start(self) -> None:
        ledger = self.registry.environments.ledger
        self.lifetimes = Lifetimes(ledger, self.policy, GRACE_MS)

    def _idle(self, environment: Environment) -> int:
        for rule in self.policy.rules:
            if rule.matches(environment.name, environment.reported):
                return rule.idle_ms
        return self.policy.idle_ms

    def _row(self, name: str) -> dict[str, object]:
        return dict(self.registry.store.read(name) or {})

    def _find(self, name: str) -> Environment | None:
        return self.registry.environments.ledger.find(name)

    def _parts(self, name: str) -> set[str]:
        return {a.removeprefix("v#") for a in self._row(name) if a.startswith("v#")}
