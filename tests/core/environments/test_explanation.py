"""Explanations: the clock keeps what they promise, and each phase has its reasons."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments import expiry, parking, protection, work
from gromit.core.environments.claims import Claimant
from gromit.core.environments.desired_state import redeploy
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.expected_steps import Outlook, StepKind, next_steps
from gromit.core.environments.expiry import Expire, Warn, next_lifetime_step
from gromit.core.environments.explanation import Explanation, explain
from gromit.core.environments.lifetime import (
    NO_EXPIRY,
    WARNINGS,
    LifetimePolicy,
    lifetime_of,
)
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.pins import Pin
from gromit.core.environments.row_writes import Row, WriteAccepted
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.suspensions import (
    EVERYTHING,
    ActiveSuspension,
    ActiveSuspensions,
    ScopeKind,
    SuspensionScope,
)
from gromit.core.time import iso
from tests.core.environments.lives import (
    BORN,
    GRACE,
    SECOND,
    TTL,
    after,
    born,
    claim,
    deleted,
    failed,
    fence_of,
    in_phase,
    instants,
    lives,
    outcome,
    sown,
    stamp,
)

HOUR, DAY = 3_600_000, 86_400_000


def _outlook(now_ms: int = BORN, idle_ms: int = 0, *halts: ActiveSuspension) -> Outlook:
    policy = LifetimePolicy(idle_ms=idle_ms) if idle_ms else NO_EXPIRY
    return Outlook(now_ms, policy, GRACE, ActiveSuspensions(halts))


def _explained(row: Row, outlook: Outlook | None = None) -> Explanation:
    return explain(parse_environment(row), outlook or _outlook())


def _steps(row: Row, outlook: Outlook) -> Mapping[StepKind, int | None]:
    return {step.kind: step.at_ms for step in next_steps(parse_environment(row), outlook)}


def test_a_rollback_is_named_with_its_end() -> None:
    pin = Pin(left="sha-2", to="sha-1", by="developer:ada", at=BORN)
    found = _explained({**sown(claim(born())), **pin.to_attributes("tyk")})
    assert (
        f"tyk is rolled back from sha-2 by developer:ada at {iso(BORN)}; until a newer build of tyk"
    ) in found.why


def test_a_quota_that_was_hit_is_named_with_its_usage_and_what_raises_it() -> None:
    claimed = claim(born(), nonce="n2")
    what = {"kind": "rollout", "message": "redis: InsufficientFreeAddressesInSubnet"}
    row = after(claimed, work.failed(fence_of(claimed), what, 30_000, stamp()))
    outlook = _outlook()
    assert "this quota is used up: free addresses of the subnets (vpc.subnet_addresses)" in (
        _explained(row).why
    )
    used = {"vpc.subnet_addresses": "at noon 990 of 1000 were used"}
    known = _explained(row, replace(outlook, quotas=used))
    assert any(line.endswith("; at noon 990 of 1000 were used") for line in known.why)
    assert any("terraform/base" in change.text for change in known.changes)


def _commands_after(row: Row, kind: str) -> list[str | None]:
    """Return the commands that are named after a failure of a run."""
    claimed = claim(row, nonce="n2")
    what = {"kind": kind, "message": "no such image"}
    failure = after(claimed, work.failed(fence_of(claimed), what, 30_000, stamp()))
    return [change.command for change in _explained(failure).changes]


def test_a_build_that_fails_can_be_rolled_back() -> None:
    rollback = "gromit env rollback app-test"
    changed = after(sown(claim(born())), redeploy(["tyk"], "mark", stamp()))
    assert rollback in _commands_after(changed, "invalid")
    assert rollback not in _commands_after(changed, "temporary")
    assert rollback not in _commands_after(born(), "invalid")


# ── promises ──────────────────────────────────────────────────────────────────────────────────────


@given(lives(), st.data())
def test_work_is_claimed_at_the_promised_instant_and_not_before(
    row: dict[str, Any], data: st.DataObject
) -> None:
    now_ms = data.draw(st.sampled_from(instants(row)))
    steps = _steps(row, _outlook(now_ms))
    for kind in Work:
        promised = steps.get(StepKind(kind))
        near = {promised - 1, promised, promised + 1} if promised is not None else set()
        later = {now_ms + pause for pause in (0, 1, SECOND, TTL, HOUR, 30 * DAY)}
        for at_ms in sorted(at for at in near | later if at >= now_ms):
            write = work.claim(kind, Claimant("other", "other"), at_ms, TTL)
            is_claimed = isinstance(outcome(row, write), WriteAccepted)
            assert is_claimed == (promised is not None and at_ms >= promised), (kind, at_ms)


@given(
    phase=st.sampled_from([Phase.PENDING, Phase.SOWING, Phase.READY, Phase.FAILED, Phase.PARKED]),
    idle_ms=st.integers(10, 30 * DAY),
    pauses=st.lists(st.integers(0, 20 * DAY), min_size=1, max_size=4),
    kept_ms=st.sampled_from([0, 5 * DAY]),
)
def test_warnings_and_expiry_come_at_the_promised_instants_and_not_before(
    phase: Phase, idle_ms: int, pauses: list[int], kept_ms: int
) -> None:
    """Time passes, also past deadlines without a pass of reap, and then each step is promised."""
    row, now_ms = in_phase(phase), BORN
    policy = LifetimePolicy(idle_ms=idle_ms)
    if kept_ms:
        row = after(row, expiry.extend(parse_environment(row), BORN + kept_ms, stamp()))
    for pause in pauses:
        now_ms += pause
        steps = _steps(row, _outlook(now_ms, idle_ms))
        promised = steps.get(StepKind.WARN, steps[StepKind.EXPIRE])
        assert promised is not None
        if promised > now_ms:
            early = next_lifetime_step(parse_environment(row), policy, promised - 1)
            assert not isinstance(early, Warn | Expire)
        step = next_lifetime_step(parse_environment(row), policy, promised)
        if StepKind.WARN not in steps:
            assert isinstance(step, Expire)
            return
        assert isinstance(step, Warn)
        life = lifetime_of(parse_environment(row), policy)
        row = after(row, expiry.warn(parse_environment(row), life, step, stamp(promised)))
        now_ms = promised
        later = _steps(row, _outlook(now_ms, idle_ms))
        assert later[StepKind.EXPIRE] == steps[StepKind.EXPIRE], "a warning in time moves nothing"


def test_both_warnings_are_promised_before_the_expiry() -> None:
    row, idle_ms = sown(claim(born())), 14 * DAY
    promised: list[Mapping[StepKind, int | None]] = []
    for warned in range(WARNINGS + 1):
        steps = _steps(row, _outlook(BORN, idle_ms))
        promised.append(steps)
        assert (StepKind.WARN in steps) == (warned < WARNINGS)
        if (at_ms := steps.get(StepKind.WARN)) is not None:
            policy = LifetimePolicy(idle_ms=idle_ms)
            step = next_lifetime_step(parse_environment(row), policy, at_ms)
            assert isinstance(step, Warn)
            life = lifetime_of(parse_environment(row), policy)
            row = after(row, expiry.warn(parse_environment(row), life, step, stamp(at_ms)))
    assert [steps.get(StepKind.WARN) for steps in promised] == [
        BORN + idle_ms - DAY,
        BORN + idle_ms - HOUR,
        None,
    ]
    assert {steps[StepKind.EXPIRE] for steps in promised} == {BORN + idle_ms}


@pytest.mark.parametrize("until_ms", [None, BORN + DAY])
@pytest.mark.parametrize("scope", [EVERYTHING, SuspensionScope(ScopeKind.ENVIRONMENT, "app-test")])
def test_a_suspension_delays_work_and_expiry_until_its_end(
    until_ms: int | None, scope: SuspensionScope
) -> None:
    halt = ActiveSuspension(scope=scope, reason="r", by="alice", since="now", until_ms=until_ms)
    outlook = _outlook(BORN, 100, halt)
    for row, kind in (
        (born(), StepKind.SOW),
        (deleted(born(), 0), StepKind.REAP),
        (born(), StepKind.EXPIRE),
    ):
        assert _steps(row, outlook)[kind] == until_ms
    found = _explained(born(), outlook)
    assert any("suspended by alice" in reason for reason in found.why)
    assert any("run `gromit resume" in change.text for change in found.changes)


def test_the_suspension_of_another_environment_changes_nothing() -> None:
    scope = SuspensionScope(ScopeKind.ENVIRONMENT, "other")
    halt = ActiveSuspension(scope=scope, reason="r", by="alice", since="now")
    assert _explained(born(), _outlook(BORN, 0, halt)) == _explained(born())


# ── reasons ───────────────────────────────────────────────────────────────────────────────────────

RENEWED = RunProgress("aws_ecs_service.this tyk: created (3s)", 12, 42)
CASES: Mapping[Phase, tuple[str, str, str]] = {
    Phase.PENDING: (
        "generation 1 is desired, none was applied yet",
        "sow claims it",
        "newer build",
    ),
    Phase.SOWING: ("w1 applies it since", "w1 reports the outcome", "newer build"),
    Phase.READY: ("generation 1 runs as it was applied", "", "gromit env redeploy app-test"),
    Phase.DEGRADED: ("tyk: 0 of 1 tasks run", "sow claims it", "gromit env redeploy app-test"),
    Phase.PARKED: ("it is parked", "", "gromit env unpark app-test"),
    Phase.FAILED: ("the last attempt failed", "sow claims it then", "gromit env retry app-test"),
    Phase.DELETING: ("deleted at", "reap claims it", "brings it back"),
    Phase.REAPING: ("w1 destroys it since", "w1 reports the outcome", "brings it back"),
    Phase.GONE: ("reap destroyed it at", "DynamoDB may remove", "creates a new incarnation"),
}
"""By phase: a reason, a next step (none if empty), and a possible change."""


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_its_reasons_next_step_and_changes(phase: Phase) -> None:
    reason, step, change = CASES[phase]
    found = _explained(in_phase(phase))
    assert found.phase is phase
    assert any(reason in text for text in found.why), found.why
    assert any(step in s.text for s in found.next) if step else found.next == ()
    changes = [f"{c.text} {c.command}" for c in found.changes]
    assert any(change in text for text in changes), changes


@given(lives(), st.data())
def test_no_explanation_is_empty_or_repeats_itself(
    row: dict[str, Any], data: st.DataObject
) -> None:
    found = _explained(row, _outlook(data.draw(st.sampled_from(instants(row))), 14 * DAY))
    texts = [*found.why, *(c.text for c in found.changes)]
    assert found.why
    assert len(set(texts)) == len(texts)
    assert all(text and "None" not in text for text in texts)


def test_a_run_says_how_far_it_is_and_what_follows_it() -> None:
    row = claim(born())
    row = after(row, work.renew(fence_of(row), BORN, TTL, RENEWED))
    row = after(row, parking.park(stamp()))
    found = _explained(row)
    assert f"at {iso(BORN)}: {RENEWED}" in found.why
    assert any("generation 2 is worked on after it" in step.text for step in found.next)
    assert _steps(row, _outlook())[StepKind.REPORT] is None


def test_a_failure_has_its_class_and_the_next_attempt() -> None:
    row = failed(claim(born()), retry_ms=30_000)
    found = _explained(row)
    assert any("as terraform (class transient): no" in reason for reason in found.why)
    assert _steps(row, _outlook())[StepKind.SOW] == BORN + 30_000


def test_protection_keeps_an_environment_and_stops_its_reaping() -> None:
    row = after(sown(claim(born())), protection.protect(protected=True, stamp=stamp()))
    assert any("it is protected" in reason for reason in _explained(row, _outlook(BORN, 9)).why)
    assert StepKind.EXPIRE not in _steps(row, _outlook(BORN, 9))
    edited = {**deleted(born(), 0), "protected": True}
    found = _explained(edited)
    assert StepKind.REAP not in _steps(edited, _outlook())
    assert any("contradicts itself" in reason for reason in found.why)
    assert "gromit env unprotect app-test" in [c.command for c in found.changes]


def test_fallbacks_names_and_health_are_named() -> None:
    row = {
        **sown(claim(born())),
        "dns": {"tyk": {"state": "blocked", "reason": "a record of someone else"}},
        "health": {"tyk": {"state": "fail", "reason": "redis: no answer"}},
    }
    found = _explained(row)
    assert "tyk-pump has no branch or image: its default is master" in found.why
    assert "the public name of tyk is blocked: a record of someone else" in found.why
    assert "the health of tyk is fail: redis: no answer" in found.why
    assert any("removing the foreign record" in c.text for c in found.changes)
