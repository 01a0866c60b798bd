"""Sleep by weekly hours, on a virtual clock over a year."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.expected_steps import Outlook, StepKind, next_steps
from gromit.core.environments.explanation import explain
from gromit.core.environments.failures import Failure
from gromit.core.environments.history import HISTORY_MAX
from gromit.core.environments.lifetime import NO_EXPIRY
from gromit.core.environments.observation import Observation
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.row_writes import RowWrite
from gromit.core.environments.sleep import REST_MS, SleepPolicy
from gromit.core.environments.weekly_hours import WeeklyHours, parse_spans
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.services.leases import NoWorkAvailable
from gromit.services.observations import Observations
from gromit.services.reporting import BuildResult
from gromit.services.rollbacks import Rollbacks
from gromit.services.sleeping import AGAIN_MS, Sleeper
from tests.services.registry import CATALOGUE, Registry

HOUR_MS = 3_600_000
TEXT = "mon-fri 07:00-20:00"
MONDAY_NOON = int(datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp() * 1000)
MONDAY_NIGHT = MONDAY_NOON + 11 * HOUR_MS


def policy(zone: str = "UTC", *exempt: str) -> SleepPolicy:
    return SleepPolicy(WeeklyHours(parse_spans(TEXT), ZoneInfo(zone), TEXT), exempt)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.now_ms = MONDAY_NOON
    registry.report()
    work_off(registry)
    return registry


def work_off(registry: Registry) -> None:
    """Sow what is due."""
    while True:
        nonce = f"n{registry.now_ms}-{registry.environments.inspect('app-test').epoch}"
        found = registry.leases.claim(Work.SOW, Claimant("w", nonce), registry.now_ms)
        if isinstance(found, NoWorkAvailable):
            return
        assert found.lease
        fence, claim_id = registry.fence(found), found.lease.claim_id
        version = found.versions["tyk"].version
        made = MadeStack("h", "r", (MadeComponent(name="tyk", version=version, repository="tyk"),))
        registry.leases.sown(found.name, fence, claim_id, made, registry.stamp())


def look(registry: Registry) -> Environment:
    return registry.environments.inspect("app-test")


def sleeper(registry: Registry, rules: SleepPolicy) -> Sleeper:
    return Sleeper(registry.environments.ledger, rules)


def is_working_time(zone: str, at_ms: int) -> bool:
    """Say by the local clock whether people work."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    return local.weekday() < 5 and 7 <= local.hour < 20


@pytest.mark.parametrize(
    ("zone", "month", "days"),
    [
        ("Europe/Berlin", 3, 18),  # clocks go forward on the 29th
        ("America/New_York", 11, 10),  # clocks go back on the 1st
        pytest.param("Europe/Berlin", 1, 366, marks=pytest.mark.long),
        pytest.param("America/New_York", 1, 366, marks=pytest.mark.long),
    ],
)
def test_it_sleeps_and_wakes_at_the_right_moments(
    registry: Registry, zone: str, month: int, days: int
) -> None:
    """Let it live around a change of clocks, or for a year, with passes every hour."""
    rules, builds = policy(zone), random.Random(zone)
    begin = datetime(2026, month, 1, 12, tzinfo=UTC)
    if month == 3:
        begin = begin.replace(day=16)
    registry.now_ms = int(begin.timestamp() * 1000)
    registry.report(version="sha-begin")
    work_off(registry)
    sleeping, used_ms, changes = sleeper(registry, rules), registry.now_ms, 0
    now = look(registry)
    for number in range(days * 24):
        registry.now_ms += HOUR_MS
        outlook = Outlook(registry.now_ms, NO_EXPIRY, 0, sleep=rules)
        expected = {step.kind: step.at_ms for step in next_steps(now, outlook)}
        done, before = sleeping.run_pass(registry.now_ms), now
        is_needed = registry.now_ms < used_ms + REST_MS
        now = look(registry)
        # No person parks anything here, so what is parked sleeps.
        assert now.parked is now.asleep
        assert now.parked is not (is_working_time(zone, registry.now_ms) or is_needed)
        assert done.slept == ["app-test"] * (now.parked and not before.parked)
        assert done.woken == ["app-test"] * (before.parked and not now.parked)
        assert not done.slept or expected[StepKind.SLEEP] == registry.now_ms
        assert not done.woken or expected[StepKind.WAKE] == registry.now_ms
        changes += len(done.slept + done.woken)
        if builds.random() < 0.02:
            result, now = registry.report(version=f"sha-{number}")
            assert (result, now.parked) == (BuildResult.ACCEPTED, False)
            used_ms = registry.now_ms
        if now.work is not None:
            forget_events(registry)
            work_off(registry)
            now = look(registry)
        assert now.phase(registry.now_ms) is (Phase.PARKED if now.parked else Phase.READY)
    assert changes > days


def forget_events(registry: Registry) -> None:
    """Keep a short history: a year of it takes most of the time to read."""
    row = registry.store.read("app-test")
    assert row is not None
    registry.store.write("app-test", RowWrite(conditions=(), sets={"events": row["events"][-1:]}))


def test_a_full_history_does_not_keep_it_awake(registry: Registry) -> None:
    row = registry.store.read("app-test")
    assert row is not None
    events = [row["events"][-1]] * HISTORY_MAX
    registry.store.write("app-test", RowWrite(conditions=(), sets={"events": events}))
    registry.now_ms = MONDAY_NIGHT
    assert sleeper(registry, policy()).run_pass(registry.now_ms).slept == ["app-test"]


def test_a_pending_build_is_not_parked(registry: Registry) -> None:
    registry.report(version="sha-2")
    registry.now_ms = MONDAY_NIGHT + 20 * 60_000
    sleeping = sleeper(registry, policy())
    assert sleeping.run_pass(registry.now_ms).slept == []
    work_off(registry)
    registry.now_ms += HOUR_MS
    assert sleeping.run_pass(registry.now_ms).slept == ["app-test"]


def test_a_build_that_is_faster_than_the_pass_is_not_parked(registry: Registry) -> None:
    registry.now_ms = MONDAY_NIGHT
    registry.store.meddling.append(lambda: registry.report(version="sha-2"))
    assert sleeper(registry, policy()).run_pass(registry.now_ms).slept == []
    assert not look(registry).parked


def test_a_build_that_is_slower_than_the_pass_wakes(registry: Registry) -> None:
    registry.now_ms = MONDAY_NIGHT
    sleeping = sleeper(registry, policy())
    registry.store.meddling.append(lambda: sleeping.run_pass(registry.now_ms))
    assert registry.report(version="sha-2")[0] is BuildResult.ACCEPTED
    assert (look(registry).parked, look(registry).asleep) == (False, False)


def test_a_build_that_is_reported_again_wakes_it_but_none_that_a_person_parked(
    registry: Registry,
) -> None:
    registry.now_ms = MONDAY_NIGHT
    sleeper(registry, policy()).run_pass(registry.now_ms)
    work_off(registry)
    assert registry.report()[0] is BuildResult.RETRIED
    assert (look(registry).parked, look(registry).work) == (False, Work.SOW)
    assert look(registry).touched_ms == registry.now_ms
    assert registry.report()[0] is BuildResult.DUPLICATE
    registry.parking.park("app-test", registry.stamp("operator:alice"))
    assert registry.report()[0] is BuildResult.DUPLICATE
    assert look(registry).parked


def test_who_is_protected_exempt_or_suspended_does_not_sleep(registry: Registry) -> None:
    registry.now_ms = MONDAY_NIGHT
    assert sleeper(registry, policy("UTC", "app-test")).run_pass(registry.now_ms).slept == []
    registry.environments.protect("app-test", protected=True, stamp=registry.stamp())
    registry.now_ms += 5 * HOUR_MS
    assert sleeper(registry, policy()).run_pass(registry.now_ms).slept == []


def test_a_person_who_parks_is_not_woken_by_the_hours(registry: Registry) -> None:
    sleeping = sleeper(registry, policy())
    registry.now_ms = MONDAY_NIGHT
    assert sleeping.run_pass(registry.now_ms).slept == ["app-test"]
    registry.parking.park("app-test", registry.stamp("operator:alice"))
    assert (look(registry).parked, look(registry).asleep) == (True, False)
    registry.now_ms += 12 * HOUR_MS
    assert sleeping.run_pass(registry.now_ms).woken == []
    assert registry.report(version="sha-2")[0] is BuildResult.PARKED


def test_a_person_wakes_it_and_it_rests_before_it_sleeps_again(registry: Registry) -> None:
    sleeping = sleeper(registry, policy())
    registry.now_ms = MONDAY_NIGHT
    sleeping.run_pass(registry.now_ms)
    work_off(registry)
    why = explain(look(registry), Outlook(registry.now_ms, NO_EXPIRY, 0, sleep=policy()))
    assert "it sleeps, by environments.sleep" in why.why[0]
    assert [c.command for c in why.changes] == [
        "gromit env wake app-test",
        "gromit env extend app-test 3d",
    ]
    registry.parking.unpark("app-test", registry.stamp("operator:alice"))
    work_off(registry)
    registry.now_ms += REST_MS - 1
    assert sleeping.run_pass(registry.now_ms).slept == []
    registry.now_ms += 10 * 60_000
    assert sleeping.run_pass(registry.now_ms).slept == ["app-test"]


def test_sleep_does_not_lengthen_a_life(registry: Registry) -> None:
    touched = look(registry).touched_ms
    sleeping = sleeper(registry, policy())
    for hours in (11, 20):
        registry.now_ms = MONDAY_NOON + hours * HOUR_MS
        sleeping.run_pass(registry.now_ms)
        work_off(registry)
    kinds = [event.kind for event in look(registry).events]
    assert (look(registry).touched_ms, kinds.count("parked"), kinds.count("unparked")) == (
        touched,
        1,
        1,
    )


def test_without_the_setting_all_wake_once_and_the_table_is_left_alone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.now_ms = MONDAY_NIGHT
    sleeper(registry, policy()).run_pass(registry.now_ms)
    off = sleeper(registry, SleepPolicy())
    assert off.run_pass(registry.now_ms).woken == ["app-test"]
    off.run_pass(registry.now_ms + AGAIN_MS)
    monkeypatch.setattr(registry.store, "page", None)
    assert off.run_pass(registry.now_ms + AGAIN_MS - 1).woken == []
    assert off.run_pass(registry.now_ms + 24 * HOUR_MS).woken == []


@pytest.mark.parametrize("hours", [None, "mon-fri 07:00-23:59", "mon-sun 00:00-24:00"])
def test_what_another_process_parks_by_earlier_settings_wakes(
    registry: Registry, hours: str | None
) -> None:
    """While processes of serve are replaced, an old one may have the last word."""
    registry.now_ms = MONDAY_NOON + 9 * HOUR_MS
    found = None if hours is None else WeeklyHours(parse_spans(hours), ZoneInfo("UTC"), hours)
    new = sleeper(registry, SleepPolicy(found))
    assert new.run_pass(registry.now_ms).woken == []
    assert sleeper(registry, policy()).run_pass(registry.now_ms).slept == ["app-test"]
    assert new.run_pass(registry.now_ms + AGAIN_MS).woken == ["app-test"]


def second_version(registry: Registry) -> Registry:
    """Let a second version run, by night."""
    work_off(registry)
    registry.now_ms += 1
    registry.report(version="sha-2")
    work_off(registry)
    registry.now_ms = MONDAY_NIGHT
    return registry


def asleep(registry: Registry) -> Registry:
    """Let the environment sleep, after a second version has run."""
    second_version(registry)
    assert sleeper(registry, policy()).run_pass(registry.now_ms).slept == ["app-test"]
    work_off(registry)
    return registry


def roll_back(registry: Registry) -> Environment:
    rollbacks = Rollbacks(registry.environments.ledger, registry.images, CATALOGUE)
    registry.images.push("tyk", "sha-1")
    stamp = registry.stamp("operator:alice")
    return rollbacks.roll_back("app-test", "sha-1", None, stamp)


def redeploy(registry: Registry) -> Environment:
    return registry.environments.redeploy("app-test", "tyk", registry.stamp("operator:alice"))


def put(registry: Registry) -> Environment:
    return registry.environments.put("app-test", {"tyk": "sha-3"}, registry.stamp())


def patch(registry: Registry) -> Environment:
    return registry.environments.patch("app-test", {"tyk": "sha-3"}, registry.stamp())


CHANGES = pytest.mark.parametrize("change", [roll_back, redeploy, put, patch])
Change = Callable[[Registry], Environment]


@CHANGES
def test_whatever_a_person_asks_for_wakes_it(registry: Registry, change: Change) -> None:
    registry = asleep(registry)
    changed = change(registry)
    assert (changed.parked, changed.asleep, changed.work) == (False, False, Work.SOW)
    assert (changed.started_ms, changed.touched_ms) == (registry.now_ms, registry.now_ms)
    work_off(registry)
    assert registry.phase() is Phase.READY
    assert sleeper(registry, policy()).run_pass(registry.now_ms).slept == []


@CHANGES
def test_it_wakes_also_if_it_falls_asleep_while_a_person_asks(
    registry: Registry, change: Change
) -> None:
    second_version(registry)
    sleeping = sleeper(registry, policy())
    registry.store.meddling.append(lambda: sleeping.run_pass(registry.now_ms))
    change(registry)
    assert (look(registry).parked, look(registry).asleep) == (False, False)


@CHANGES
def test_one_that_a_person_parked_stays_so(registry: Registry, change: Change) -> None:
    second_version(registry)
    registry.parking.park("app-test", registry.stamp("operator:alice"))
    assert change(registry).parked


def test_a_repair_of_gromit_does_not_wake_it(registry: Registry) -> None:
    registry = asleep(registry)
    stamp = replace(registry.stamp("operator:alice"), is_activity=False)
    assert registry.environments.redeploy("app-test", "tyk", stamp).asleep


def test_a_failing_repair_does_not_keep_it_awake(registry: Registry) -> None:
    second_version(registry)
    seen = Observation("app-test", look(registry).epoch, {"tyk": "0 of 1 tasks run"})
    observations = Observations(registry.environments.ledger, repair_ms=1, repair_max_ms=1)
    observations.record([seen], registry.stamp("chitragupta"))
    sleeping = sleeper(registry, policy())
    registry.now_ms += 1
    repair = registry.leases.claim(Work.SOW, Claimant("w", "n"), registry.now_ms)
    assert isinstance(repair, Environment)
    assert sleeping.run_pass(registry.now_ms).slept == []
    failure = Failure("terraform", "no", registry.now_ms)
    registry.leases.failed(repair.name, registry.fence(repair), failure)
    assert (registry.phase(), look(registry).attempts) == (Phase.DEGRADED, 1)
    registry.now_ms += 2 * HOUR_MS
    assert sleeping.run_pass(registry.now_ms).slept == ["app-test"]
    work_off(registry)
    assert (registry.phase(), look(registry).degraded) == (Phase.PARKED, None)
