"""Lifetimes: deadlines, warnings and expiry, step by step and in random lives."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments import desired_state, expiry, protection, work
from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.expiry import (
    Expire,
    LookAgain,
    LookOff,
    StartIdle,
    Warn,
    next_lifetime_step,
)
from gromit.core.environments.lifetime import (
    EXPIRED,
    LIVE,
    LifetimePolicy,
    LifetimeRule,
    lifetime_of,
)
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted, WriteRefused
from gromit.core.stack.made import MadeStack
from tests.core.environments.lives import (
    BORN,
    GRACE,
    NAME,
    after,
    birth,
    born,
    build,
    outcome,
    stamp,
)

HOUR = 3_600_000
DAY = 24 * HOUR
IDLE = 14 * DAY
POLICY = LifetimePolicy(IDLE)


def rule(name: str, repository: str | None, idle_ms: int) -> LifetimeRule:
    return LifetimeRule(name, repository, idle_ms, f"{name}={idle_ms}")


def env(row: Row) -> Environment:
    return parse_environment(row)


def fresh(*, protected: bool = False) -> dict[str, object]:
    return born(build(), protected=protected)


def step_of(row: Row, now_ms: int, policy: LifetimePolicy = POLICY) -> object:
    return next_lifetime_step(env(row), policy, now_ms)


def looked(row: Row, now_ms: int, policy: LifetimePolicy = POLICY) -> dict[str, object]:
    """Return the row after the due step."""
    environment, actor = env(row), stamp(now_ms, "serve")
    match next_lifetime_step(environment, policy, now_ms):
        case LookOff() | LookAgain() | StartIdle() as step:
            return after(row, expiry.scheduled(environment, step, now_ms))
        case Warn() as due:
            life = lifetime_of(environment, policy)
            return after(row, expiry.warn(environment, life, due, actor))
        case Expire(why):
            return after(row, expiry.expire(environment, why, actor, GRACE))


# ── deadlines ─────────────────────────────────────────────────────────────────────────────────────


def test_the_deadline_is_the_idle_time_after_the_last_activity() -> None:
    life = lifetime_of(env(fresh()), POLICY)
    assert life.ends_ms == BORN + IDLE
    assert "14d (lifetime.idle) after the last activity, 1970-01-01T00:16:40Z" in life.why


@pytest.mark.parametrize(
    ("row", "policy", "why"),
    [
        (fresh(protected=True), POLICY, "it is protected"),
        (fresh(), LifetimePolicy(0), "lifetime.idle is 0"),
        (fresh(), LifetimePolicy(IDLE, (rule("app-*", None, 0),)), "rule app-*=0 is 0"),
        (after(fresh(), desired_state.delete(stamp(), 1, "")), POLICY, "it is deleted"),
    ],
    ids=["protected", "no idle time", "rule", "deleted"],
)
def test_some_environments_have_no_deadline(row: Row, policy: LifetimePolicy, why: str) -> None:
    assert lifetime_of(env(row), policy).ends_ms is None
    assert lifetime_of(env(row), policy).why == why
    assert step_of(row, BORN + 10 * IDLE, policy) == LookOff()


@pytest.mark.parametrize(
    ("rules", "idle_ms"),
    [
        ((rule("app-*", None, HOUR), rule("app-test", None, DAY)), HOUR),
        ((rule("other-*", None, HOUR), rule("app-test", None, DAY)), DAY),
        ((rule("*", "tyk", HOUR),), HOUR),
        ((rule("*", "tyk-*", HOUR),), IDLE),  # it contributes a fallback only
        ((rule("*", "t*", 2 * HOUR), rule("*", "tyk", HOUR)), 2 * HOUR),
    ],
)
def test_the_first_rule_that_matches_counts(rules: tuple[LifetimeRule, ...], idle_ms: int) -> None:
    assert lifetime_of(env(fresh()), LifetimePolicy(IDLE, rules)).ends_ms == BORN + idle_ms


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_environment_is_warned_twice_and_expires_at_its_deadline() -> None:
    ends, row = BORN + IDLE, fresh()
    assert row["look_at"] == BORN
    row = looked(row, BORN)
    assert (row["life"], row["look_at"]) == (LIVE, ends - DAY)
    assert step_of(row, ends - DAY - 1) == LookAgain(ends - DAY)
    row = looked(row, ends - DAY)
    assert (row["warned"], row["look_at"]) == (1, ends - HOUR)
    assert env(row).events[-1].kind == "expiring"
    assert "expires at 1970-01-15T00:16:40Z: 14d" in env(row).events[-1].text
    assert step_of(row, ends - HOUR - 1) == LookAgain(ends - HOUR)
    row = looked(row, ends - HOUR)
    assert (row["warned"], row["look_at"]) == (2, ends)
    assert step_of(row, ends - 1) == LookAgain(ends)
    row = looked(row, ends)
    assert (row["want"], row["work"], row["due"]) == ("gone", Work.REAP, ends + GRACE)
    assert (row["life"], row["look_at"], "warned" in row) == (EXPIRED, ends, False)
    assert env(row).events[-1].text.startswith("expired: 14d")


def test_a_build_within_the_grace_revives() -> None:
    row = expired()
    now = int(str(row["look_at"])) + 1
    row = after(row, desired_state.report(build(version="sha-2"), stamp(now)))
    assert (row["want"], row["life"], row["look_at"], row["touched"]) == ("up", LIVE, now, now)
    assert step_of(row, now + IDLE - DAY - 1) == LookAgain(now + IDLE - DAY)


def expired() -> dict[str, object]:
    row, now = fresh(), BORN
    while row["want"] == "up":
        now = max(now, int(str(row["look_at"])))
        row = looked(row, now)
    return row


def test_a_late_warning_leaves_half_of_its_lead() -> None:
    late = BORN + 3 * IDLE  # serve was stopped for weeks
    row = looked(fresh(), late)
    assert lifetime_of(env(row), POLICY).ends_ms == late + DAY // 2
    assert row["look_at"] == late + DAY // 2 - HOUR
    assert "warned late" in lifetime_of(env(row), POLICY).why
    row = looked(row, late + 2 * DAY)
    assert lifetime_of(env(row), POLICY).ends_ms == late + 2 * DAY + HOUR // 2


def test_an_announced_deadline_comes_no_earlier_if_a_setting_shortens_it() -> None:
    ends, short = BORN + IDLE, LifetimePolicy(DAY)
    row = looked(fresh(), ends - DAY)
    assert step_of(row, ends - HOUR - 1, short) == LookAgain(ends - HOUR)
    row = looked(row, ends - HOUR, short)
    assert step_of(row, ends - 1, short) == LookAgain(ends)
    assert isinstance(step_of(row, ends, short), Expire)


@pytest.mark.parametrize("idle_ms", [8, 60_000, HOUR, DAY, IDLE])
def test_also_short_lives_have_two_warnings(idle_ms: int) -> None:
    policy, row, now = LifetimePolicy(idle_ms), fresh(), BORN
    warned: list[int] = []
    while row["want"] == "up":
        now = max(now, int(str(row["look_at"])))
        row = looked(row, now, policy)
        warned += [now] if row.get("warned", 0) != len(warned) and row["want"] == "up" else []
    assert now == BORN + idle_ms
    assert len(warned) == 2


def test_a_row_of_an_older_version_gets_the_full_idle_time() -> None:
    row = {k: v for k, v in fresh().items() if k not in {"touched", "life", "look_at"}}
    now = BORN + 100 * IDLE
    assert lifetime_of(env(row), POLICY).ends_ms is None
    assert step_of(row, now) == StartIdle()
    row = looked(row, now)
    assert lifetime_of(env(row), POLICY).ends_ms == now + IDLE
    protected = {**row, "protected": True}
    assert step_of(protected, now) == LookOff()
    assert {"life", "look_at", "warned"} & looked(protected, now).keys() == set()


# ── what is an activity ───────────────────────────────────────────────────────────────────────────

NOW = BORN + IDLE - HOUR // 2


def warned_twice() -> dict[str, object]:
    return looked(looked(fresh(), BORN + IDLE - DAY), NOW)


@pytest.mark.parametrize(
    "write",
    [
        desired_state.report(build(version="sha-2"), stamp(NOW)),
        desired_state.report(build("tyk-pump"), stamp(NOW)),
        desired_state.merge_versions({"v#tyk": "sha-3"}, stamp(NOW)),
        desired_state.replace_versions(warned_twice(), {"v#tyk": "sha-3"}, {}, stamp(NOW)),
        desired_state.redeploy(["gateway"], "1", stamp(NOW)),
        desired_state.make_due(warned_twice(), stamp(NOW)),
        protection.protect(protected=True, stamp=stamp(NOW)),
        expiry.touch(env(warned_twice()), NOW),
        expiry.extend(env(warned_twice()), NOW + 1, stamp(NOW)),
    ],
    ids=["build", "other", "patch", "put", "redeploy", "retry", "protect", "touch", "extend"],
)
def test_an_activity_starts_the_idle_time_again(write: RowWrite) -> None:
    row = after(warned_twice(), write)
    assert (row["touched"], "warned" in row) == (NOW, False)
    life = lifetime_of(replace(env(row), protected=False), POLICY)
    assert life.ends_ms == NOW + IDLE


def test_what_a_worker_does_is_no_activity() -> None:
    row = warned_twice()
    row = after(row, work.claim(Work.SOW, Claimant("w", "n"), NOW, 1))
    fence = Fence("w", int(str(row["epoch"])))
    row = after(
        row, work.renew(fence, NOW, 5), work.sown(fence, "n", MadeStack("hash"), stamp(NOW, "w"))
    )
    assert (row["touched"], row["warned"]) == (BORN, 2)


def test_a_deleted_branch_is_no_activity_but_changes_the_rules() -> None:
    row = after(fresh(), desired_state.report(build("tyk-pump"), stamp(BORN + 1)))
    row = looked(row, BORN + 1)
    row = after(row, desired_state.retire(row, "tyk-pump", "master", stamp(BORN + 9)))
    assert (row["touched"], row["look_at"]) == (BORN + 1, BORN + 9)


def test_an_extension_counts_if_it_is_later() -> None:
    until = BORN + 30 * DAY
    row = after(fresh(), expiry.extend(env(fresh()), until, stamp(BORN)))
    assert lifetime_of(env(row), POLICY).ends_ms == until
    shorter = after(row, expiry.extend(env(row), BORN + DAY, stamp(BORN)))
    assert lifetime_of(env(shorter), POLICY).ends_ms == until


@pytest.mark.parametrize(
    "meanwhile",
    [
        expiry.touch(env(warned_twice()), NOW + HOUR),
        desired_state.report(build(version="sha-2"), stamp(NOW + HOUR)),
        protection.protect(protected=True, stamp=stamp(NOW + HOUR)),
        desired_state.delete(stamp(NOW), 1, "by a person"),
    ],
    ids=["touch", "build", "protect", "delete"],
)
def test_what_happens_after_the_read_stops_an_expiry(meanwhile: RowWrite) -> None:
    row = warned_twice()
    write = expiry.expire(env(row), "why", stamp(NOW + HOUR), GRACE)
    assert isinstance(outcome(row, write), WriteAccepted)
    assert isinstance(outcome(after(row, meanwhile), write), WriteRefused)


def test_a_reborn_environment_starts_from_its_birth() -> None:
    row = after(expired(), work.claim(Work.REAP, Claimant("w", "n"), BORN + 2 * IDLE, 1))
    fence = Fence("w", int(str(row["epoch"])))
    row = after(row, work.reaped(fence, "n", stamp(BORN + 2 * IDLE)))
    assert row["life"] == EXPIRED, "it still counts as one that expired"
    new = desired_state.create_incarnation(
        row,
        birth(),
        desired_state.build_attributes(build(version="sha-9")),
        stamp(BORN + 3 * IDLE),
        "",
    )
    row = after(row, new)
    assert lifetime_of(env(row), POLICY).ends_ms == BORN + 4 * IDLE
    assert (row["life"], "warned" in row) == (LIVE, False)


# ── random lives ──────────────────────────────────────────────────────────────────────────────────


@given(
    idle=st.sampled_from([HOUR, DAY, 3 * DAY, IDLE]),
    activities=st.lists(st.integers(0, 40 * DAY), max_size=8),
    looks=st.lists(st.integers(0, 60 * DAY), min_size=1, max_size=60),
)
def test_nothing_dies_early_or_without_both_warnings(
    idle: int, activities: list[int], looks: list[int]
) -> None:
    policy, row, last = LifetimePolicy(idle), fresh(), BORN
    moments = sorted([*((BORN + a, 0) for a in activities), *((BORN + n, 1) for n in looks)])
    for now, is_look in moments:
        if row["want"] != "up":
            break
        if is_look:
            row = looked(row, now, policy)
        else:
            row, last = after(row, expiry.touch(env(row), now)), now
    if row["want"] != "up":
        environment = env(row)
        died = environment.events[-1].at_ms
        warnings = [e.at_ms for e in environment.events if e.kind == "expiring" and e.at_ms >= last]
        assert died >= last + idle
        assert len(warnings) == 2
        assert died - warnings[0] >= min(DAY, idle // 2) // 2
        assert died - warnings[1] >= min(HOUR, idle // 8) // 2
    assert row["name"] == NAME
