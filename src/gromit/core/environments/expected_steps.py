"""Next steps of an environment and their instants, if nothing changes until then.

Claims and expiry decide: an instant here is the one at which their rules come to hold. A property
test lets a clock run and verifies that they do so at this instant, and not before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.expiry import (
    Expire,
    LookAgain,
    LookOff,
    StartIdle,
    Warn,
    next_lifetime_step,
)
from gromit.core.environments.lifetime import WARNINGS, LifetimePolicy, lifetime_of
from gromit.core.environments.phases import Phase, Want
from gromit.core.environments.sleep import NO_SLEEP, SleepPolicy, next_sleep, next_waking
from gromit.core.environments.suspensions import (
    NOTHING_SUSPENDED,
    ActiveSuspension,
    ActiveSuspensions,
)
from gromit.core.environments.work import impossible_work
from gromit.core.time import format_duration


class StepKind(StrEnum):
    """Kind of a step that is expected."""

    SOW = "sow"
    """sow claims the environment."""
    REAP = "reap"
    """reap claims the environment."""
    REPORT = "report"
    """The worker that has a claim reports its outcome."""
    WARN = "warn"
    EXPIRE = "expire"
    SLEEP = "sleep"
    WAKE = "wake"
    FORGET = "forget"
    """The tombstone disappears."""


@dataclass(frozen=True, slots=True)
class ExpectedStep:
    """A step that follows if nothing changes."""

    kind: StepKind
    at_ms: int | None
    """Earliest instant; None if it waits for an event whose time is not known."""
    text: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """Settings, suspensions and the instant on which next steps depend."""

    now_ms: int
    lifetimes: LifetimePolicy
    grace_ms: int
    suspensions: ActiveSuspensions = NOTHING_SUSPENDED
    quotas: Mapping[str, str] = field(default_factory=dict)
    """Usage of each quota, by name, as the doctor last saw it."""
    sleep: SleepPolicy = NO_SLEEP

    def halt(self, environment: Environment) -> ActiveSuspension | None:
        """Return the suspension that keeps workers from an environment; None without one."""
        return self.suspensions.shown_for(environment.name, environment.reported)


def next_steps(environment: Environment, outlook: Outlook) -> tuple[ExpectedStep, ...]:
    """Return the next steps; those without a known instant come last."""
    found = [
        *_report(environment, outlook),
        *_claim(environment, outlook),
        *_lifetime(environment, outlook),
        *_sleep(environment, outlook),
        *_tombstone(environment),
    ]
    return tuple(sorted(found, key=lambda s: (s.at_ms is None, s.at_ms or 0)))


def claimable_ms(environment: Environment, now_ms: int) -> int | None:
    """Return the first instant, from now on, at which a worker can claim the work.

    None if there is no work, or no worker can ever claim it. Suspensions are not considered.
    """
    if environment.work is None or impossible_work(environment.work, environment.row):
        return None
    free_ms = environment.lease.until_ms + 1 if environment.lease else now_ms
    return max(now_ms, environment.due_ms, free_ms)


def _report(environment: Environment, outlook: Outlook) -> Iterator[ExpectedStep]:
    lease = environment.lease
    if lease is None or not environment.is_held(outlook.now_ms):
        return
    kind = "sow" if environment.phase(outlook.now_ms) is Phase.SOWING else "reap"
    text = f"{lease.holder} reports the outcome of its run of {kind}"
    if environment.generation > lease.claimed:
        text += f"; generation {environment.generation} is worked on after it"
    yield ExpectedStep(StepKind.REPORT, None, text)


def _claim(environment: Environment, outlook: Outlook) -> Iterator[ExpectedStep]:
    at_ms = claimable_ms(environment, outlook.now_ms)
    if at_ms is None or environment.work is None:
        return
    kind, work = StepKind(environment.work), f"{environment.work} claims it"
    halt = outlook.halt(environment)
    if halt is not None:
        yield ExpectedStep(kind, _after_halt(at_ms, halt), f"{work} after the suspension has ended")
    elif environment.is_held(outlook.now_ms):
        yield ExpectedStep(kind, at_ms, f"{work}, if its worker is lost: then the lease ends")
    elif at_ms > outlook.now_ms:
        yield ExpectedStep(kind, at_ms, f"{work} then, or as soon as a worker is free")
    else:
        yield ExpectedStep(kind, at_ms, f"{work} as soon as a worker is free")


def _sleep(environment: Environment, outlook: Outlook) -> Iterator[ExpectedStep]:
    """Yield when it falls asleep or wakes; a suspension keeps it from both."""
    if outlook.halt(environment) is not None:
        return
    waking_ms = next_waking(environment, outlook.sleep, outlook.now_ms)
    if waking_ms is not None:
        yield ExpectedStep(StepKind.WAKE, waking_ms, "it wakes with the next pass of reap")
    sleep_ms = next_sleep(environment, outlook.sleep, outlook.now_ms)
    if sleep_ms is not None:
        text = "it falls asleep with the next pass of reap, unless someone uses it before"
        yield ExpectedStep(StepKind.SLEEP, sleep_ms, text)


def _after_halt(at_ms: int, halt: ActiveSuspension) -> int | None:
    """Return the first instant after a suspension; None if a person ends it."""
    if halt.until_ms is None or halt.is_file:
        return None
    return max(at_ms, halt.until_ms)


def _lifetime(environment: Environment, outlook: Outlook) -> Iterator[ExpectedStep]:
    deadline = None if environment.want is Want.GONE else _deadline(environment, outlook)
    if deadline is None:
        return
    if deadline.warn_ms is not None:
        yield ExpectedStep(StepKind.WARN, deadline.warn_ms, "a warning that it expires")
    halt = outlook.halt(environment)
    suspended = " after the suspension has ended" if halt else ""
    grace = format_duration(timedelta(milliseconds=outlook.grace_ms))
    text = f"it expires{suspended}; reap can destroy it {grace} later"
    at_ms = _after_halt(deadline.ends_ms, halt) if halt else deadline.ends_ms
    yield ExpectedStep(StepKind.EXPIRE, at_ms, text)


@dataclass(frozen=True, slots=True)
class _Deadline:
    warn_ms: int | None
    """Instant of the next warning; None if both were given."""
    ends_ms: int


def _deadline(environment: Environment, outlook: Outlook) -> _Deadline | None:
    """Return the next warning and the expiry, if each comes in time; None without a deadline."""
    policy, now_ms = outlook.lifetimes, outlook.now_ms
    match next_lifetime_step(environment, policy, now_ms):
        case LookOff() | StartIdle():
            return None
        case Expire():
            return _Deadline(None, now_ms)
        case Warn(ends_ms, _):
            return _Deadline(now_ms, ends_ms)
        case LookAgain(at_ms):
            if environment.warned >= WARNINGS:
                return _Deadline(None, at_ms)
            life = lifetime_of(environment, policy)
            lead_ms = life.last_lead_ms if environment.warned else life.first_lead_ms
            return _Deadline(at_ms, at_ms + lead_ms)


def _tombstone(environment: Environment) -> Iterator[ExpectedStep]:
    at_s = environment.row.get(Attribute.EXPIRE_AT)
    if environment.gone_ms is not None and at_s is not None:
        yield ExpectedStep(StepKind.FORGET, at_s * 1000, "DynamoDB may remove its tombstone")
