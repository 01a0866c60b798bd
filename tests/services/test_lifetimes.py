"""Passes over lifetimes: warnings, expiry, its limit, rows of older versions, and extensions."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.failures import Failure
from gromit.core.environments.lifetime import LifetimePolicy, LifetimeRule, lifetime_of
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.suspensions import EVERYTHING, ScopeKind, SuspensionScope
from gromit.errors import Conflict, InvalidInput, NotFound
from gromit.services.lifetimes import ACTOR, NO_ROOM_MS, SCANNED, LifetimePass, Lifetimes
from tests.services.registry import GRACE_MS, Registry

HOUR = 3_600_000
DAY = 24 * HOUR
IDLE = 14 * DAY
POLICY = LifetimePolicy(IDLE, limit=3)


@dataclass
class Place:
    """A registry, and the lifetimes on its table."""

    registry: Registry = field(default_factory=Registry)
    policy: LifetimePolicy = POLICY

    def __post_init__(self) -> None:
        self.restart()
        self.born = self.registry.now_ms

    def restart(self, policy: LifetimePolicy | None = None) -> None:
        """Start serve again, perhaps with other settings."""
        self.policy = policy or self.policy
        self.lifetimes = Lifetimes(self.registry.environments.ledger, self.policy, GRACE_MS)

    def at(self, since_birth_ms: int) -> LifetimePass:
        """Run a pass at an instant."""
        self.registry.now_ms = self.born + since_birth_ms
        return self.lifetimes.run_pass(self.registry.now_ms)

    def through(self, until_ms: int, step_ms: int = HOUR) -> list[str]:
        """Run passes up to an instant; return what expired, in order."""
        start = self.registry.now_ms - self.born
        return [n for at in range(start, until_ms + 1, step_ms) for n in self.at(at).expired]

    def ends(self, name: str = "app-test") -> int | None:
        """Return the deadline, counted from the start."""
        ends = lifetime_of(self.registry.environments.inspect(name), self.policy).ends_ms
        return None if ends is None else ends - self.born


def test_an_environment_is_warned_twice_then_deleted_with_its_grace() -> None:
    place = Place()
    place.registry.report()
    assert place.at(0) == LifetimePass()
    assert place.at(IDLE - DAY - 1) == LifetimePass()
    assert place.at(IDLE - DAY).warned == ["app-test"]
    assert place.at(IDLE - HOUR).warned == ["app-test"]
    assert place.registry.announcer.heard[-1] == ("app-test", "expiring")
    assert place.registry.announcer.texts[-1].startswith("expires at 1970-01-15T00:16:40Z: 14d")
    assert place.at(IDLE - 1) == LifetimePass()
    assert place.at(IDLE).expired == ["app-test"]
    environment = place.registry.environments.inspect("app-test")
    assert (environment.want, environment.due_ms) == (Want.GONE, place.born + IDLE + GRACE_MS)
    assert environment.events[-1].actor == ACTOR
    place.registry.report(version="sha-2")
    assert place.registry.phase() is Phase.PENDING


@pytest.mark.parametrize(
    "scope",
    [
        EVERYTHING,
        SuspensionScope(ScopeKind.ENVIRONMENT, "app-test"),
        SuspensionScope(ScopeKind.REPOSITORY, "tyk"),
    ],
)
def test_nothing_expires_while_it_is_suspended(scope: SuspensionScope) -> None:
    place = Place()
    place.registry.report()
    suspensions, stamp = place.registry.suspensions, place.registry.stamp()
    suspensions.suspend(scope, "mongo moves", None, stamp)
    assert place.through(IDLE + DAY) == []
    assert place.registry.environments.inspect("app-test").want is Want.UP
    suspensions.resume(scope, "it has moved", place.registry.stamp())
    assert place.through(IDLE + 2 * DAY) == ["app-test"]


def test_a_look_costs_no_call_for_an_environment_that_is_not_due() -> None:
    place = Place()
    for i in range(20):
        place.registry.report(ref=f"app-{i}")
    place.at(0)
    writes = place.registry.store.writes
    place.at(HOUR)
    assert place.registry.store.writes == writes


@pytest.mark.parametrize("sequence", [None, 7, 3], ids=["unordered", "same", "stale"])
def test_a_build_that_is_reported_again_counts_as_an_activity(sequence: int | None) -> None:
    place = Place()
    place.registry.report(sequence=None if sequence is None else 7)
    place.through(IDLE - HOUR)
    place.registry.report(sequence=sequence)
    assert place.ends() == 2 * IDLE - HOUR
    assert place.through(2 * IDLE - 2 * HOUR) == []


def test_what_a_person_asks_for_counts_although_there_is_nothing_to_do() -> None:
    place = Place()
    place.registry.report()
    place.registry.now_ms += DAY
    place.registry.environments.retry("app-test", place.registry.stamp())
    assert place.ends() == IDLE + DAY


def test_a_repair_is_no_activity_and_keeps_the_warnings() -> None:
    place = Place()
    place.registry.report()
    place.through(IDLE - HOUR)
    repair = replace(place.registry.stamp("operator:alice"), is_activity=False)
    place.registry.environments.retry("app-test", repair)
    place.registry.environments.redeploy("app-test", None, repair, "mark-1")
    assert place.ends() == IDLE
    assert place.through(IDLE) == ["app-test"]


def test_a_repair_of_failed_work_is_no_activity() -> None:
    place = Place()
    place.registry.report()
    claimed = place.registry.leases.claim(Work.SOW, Claimant("w", "n"), place.registry.now_ms)
    assert isinstance(claimed, Environment)
    failure = Failure("terraform", "no", place.registry.now_ms)
    place.registry.leases.failed("app-test", place.registry.fence(claimed), failure)
    place.registry.now_ms += DAY
    repair = replace(place.registry.stamp(), is_activity=False)
    assert place.registry.environments.retry("app-test", repair).attempts == 0
    assert place.ends() == IDLE


def test_a_protected_environment_never_expires() -> None:
    place = Place()
    place.registry.report(ref="release-5")
    place.registry.report()
    place.registry.environments.protect("app-test", protected=True, stamp=place.registry.stamp())
    assert place.through(4 * IDLE, DAY) == []
    place.registry.environments.protect("app-test", protected=False, stamp=place.registry.stamp())
    assert place.ends() == 5 * IDLE
    assert place.through(5 * IDLE) == ["app-test"]


def test_no_more_expire_within_an_hour_than_the_limit_allows() -> None:
    place = Place()
    for i in range(8):
        place.registry.report(ref=f"app-{i}")
    place.through(IDLE - HOUR)
    with capture_logs() as logs:
        first = place.at(IDLE)
    assert (len(first.expired), len(first.waiting)) == (3, 5)
    assert [line["event"] for line in logs if "limited" in line["event"]] == ["lifetime.limited"]
    place.restart()  # the count is in the table
    assert place.at(IDLE + NO_ROOM_MS).expired == []
    assert len(place.through(IDLE + HOUR + NO_ROOM_MS, NO_ROOM_MS)) == 3
    assert len(place.through(IDLE + 3 * HOUR, NO_ROOM_MS)) == 2


def test_those_that_wait_for_the_limit_hide_no_warning() -> None:
    place = Place()
    for i in range(80):
        place.registry.report(ref=f"app-{i}")
    place.at(2 * HOUR)
    place.registry.report(ref="late")
    place.through(IDLE, HOUR // 2)
    done = [place.at(IDLE + HOUR + i * NO_ROOM_MS) for i in range(3)]
    assert all(one.waiting for one in done)
    assert "late" in [name for one in done for name in one.warned]


def test_rows_of_an_older_version_get_the_full_idle_time_in_bounded_steps() -> None:
    place = Place()
    names = [f"app-{i:03}" for i in range(SCANNED + 20)]
    for name in names:
        place.registry.report(ref=name)
        row = place.registry.store.read(name) or {}
        old = {k: v for k, v in row.items() if k not in {"touched", "life", "look_at"}}
        place.registry.store.put(old)
    upgrade = 100 * DAY
    place.at(upgrade)
    assert {place.ends(n) for n in names} == {None, upgrade + IDLE}
    place.at(upgrade + HOUR)
    assert {place.ends(n) for n in names} == {upgrade + IDLE, upgrade + HOUR + IDLE}
    assert place.through(upgrade + IDLE - 1) == []
    assert place.through(upgrade + IDLE + HOUR) != []


def test_a_shorter_setting_counts_for_what_exists_but_not_without_notice() -> None:
    place = Place()
    place.registry.report()
    place.at(0)
    place.restart(LifetimePolicy(2 * DAY))
    assert place.at(5 * DAY) == LifetimePass(), "the check only schedules the look"
    assert place.at(5 * DAY + HOUR).warned == ["app-test"]
    assert place.ends() == 5 * DAY + 13 * HOUR
    assert place.through(5 * DAY + 12 * HOUR) == []
    assert place.through(5 * DAY + 13 * HOUR) == ["app-test"]


def test_a_setting_without_an_end_takes_environments_off_the_index() -> None:
    place = Place()
    place.registry.report()
    place.restart(LifetimePolicy(0))
    assert place.through(3 * IDLE, DAY) == []
    assert "look_at" not in (place.registry.store.read("app-test") or {})
    place.restart(LifetimePolicy(IDLE))
    assert place.ends() == IDLE
    assert place.through(4 * IDLE) == ["app-test"]


def test_the_rule_of_a_repository_counts_once_it_has_reported() -> None:
    rule = LifetimeRule("*", "tyk-pump", DAY, "*@tyk-pump=1d")
    place = Place(policy=replace(POLICY, rules=(rule,)))
    place.registry.report()
    place.at(0)
    assert place.ends() == IDLE
    place.registry.report("tyk-pump")
    assert place.ends() == DAY
    assert place.through(DAY) == ["app-test"]


def test_a_row_that_cannot_be_read_is_set_aside() -> None:
    place = Place()
    place.registry.report()
    place.registry.report(ref="good")
    place.registry.store.put({**(place.registry.store.read("app-test") or {}), "generation": "x"})
    place.registry.store.put({"name": "old", "state": "new", "life": "live", "look_at": 0})
    with capture_logs() as logs:
        place.through(IDLE)
    aside = {line["env"] for line in logs if line["event"] == "lifetime.set_aside"}
    assert aside == {"app-test", "old"}
    assert place.registry.environments.inspect("good").want is Want.GONE


# ── extensions ────────────────────────────────────────────────────────────────────────────────────


def test_an_extension_counts_from_now_and_is_repeatable() -> None:
    place = Place()
    place.registry.report()
    place.through(IDLE - HOUR)
    for _ in range(2):
        place.lifetimes.extend("app-test", timedelta(days=30), place.registry.stamp("operator:a"))
        assert place.ends() == IDLE - HOUR + 30 * DAY
    events = place.registry.environments.inspect("app-test").events
    assert (events[-1].kind, events[-1].actor) == ("extended", "operator:a")
    assert place.through(IDLE + 29 * DAY) == []
    assert place.through(IDLE + 30 * DAY) == ["app-test"]


@pytest.mark.parametrize("length", [timedelta(0), timedelta(days=91), timedelta(microseconds=1)])
def test_an_impossible_extension_is_refused_with_what_is_possible(length: timedelta) -> None:
    place = Place()
    place.registry.report()
    with pytest.raises(InvalidInput, match="between 1s and 90d are possible") as caught:
        place.lifetimes.extend("app-test", length, place.registry.stamp())
    assert "gromit env protect app-test" in (caught.value.hint or "")


def test_only_an_environment_that_is_desired_is_extended() -> None:
    place = Place()
    with pytest.raises(NotFound):
        place.lifetimes.extend("app-test", timedelta(days=1), place.registry.stamp())
    place.registry.report()
    place.registry.environments.delete("app-test", place.registry.stamp())
    with pytest.raises(Conflict, match="is deleted"):
        place.lifetimes.extend("app-test", timedelta(days=1), place.registry.stamp())
