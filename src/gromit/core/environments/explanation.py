"""Explanation of an environment: why it is in its state, what happens next, and what changes that.

Each sentence follows from the row, the suspensions and the settings. What they do not say is not
said: there is no guess about workers or AWS.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment, HistoryEvent, Source
from gromit.core.environments.expected_steps import ExpectedStep, Outlook, next_steps
from gromit.core.environments.failures import FailureClass
from gromit.core.environments.lifetime import lifetime_of
from gromit.core.environments.phases import Phase, Want
from gromit.core.environments.readiness import required_action
from gromit.core.environments.work import impossible_work
from gromit.core.stack.addresses import NameState
from gromit.core.stack.health import HealthState
from gromit.core.stack.made import gone_text
from gromit.core.stack.task_output import output_text
from gromit.core.time import iso

_OF_WORKERS = frozenset({"sown", "failed", "reaped"})
"""Kinds of events that a run reports; the others say why there is work."""


@dataclass(frozen=True, slots=True)
class PossibleChange:
    """Command or event elsewhere that would change the state."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Reasons of a state, next steps, and possible changes."""

    phase: Phase
    why: tuple[str, ...]
    next: tuple[ExpectedStep, ...]
    changes: tuple[PossibleChange, ...]


def explain(environment: Environment, outlook: Outlook) -> Explanation:
    """Explain an environment at an instant."""
    phase = environment.phase(outlook.now_ms)
    return Explanation(
        phase,
        (*_reasons(environment, phase, outlook), *_facts(environment, phase, outlook)),
        next_steps(environment, outlook),
        tuple(_changes(environment, phase, outlook)),
    )


# ── why ───────────────────────────────────────────────────────────────────────────────────────────


def _reasons(environment: Environment, phase: Phase, outlook: Outlook) -> Iterator[str]:
    """Yield why the environment is in its phase."""
    if phase in {Phase.SOWING, Phase.REAPING}:
        yield from _run(environment)
    elif (state := _state(environment, phase)) is not None:
        yield state
    if environment.want is Want.GONE:
        yield from _last_event(environment, frozenset({"deleted"}))
    elif phase in {Phase.PENDING, Phase.SOWING, Phase.FAILED}:
        yield from _last_event(environment, None)
    yield from _failure(environment, outlook)


def _state(environment: Environment, phase: Phase) -> str | None:
    generation, found, gone_ms = environment.generation, environment.degraded, environment.gone_ms
    if phase in {Phase.PENDING, Phase.FAILED}:
        return _generations(environment)
    if phase is Phase.READY:
        return f"generation {generation} runs as it was applied{_made(environment)}"
    if environment.asleep and phase is Phase.PARKED:
        return "it sleeps, by environments.sleep: it keeps everything and runs nothing"
    if phase is Phase.PARKED:
        return "it is parked: it keeps everything and runs nothing; a build starts nothing"
    if phase is Phase.DEGRADED and found is not None:
        return f"since {iso(found.at_ms)} a part of it does not run or work: {found.reason}"
    return f"reap destroyed it at {iso(gone_ms)}" if gone_ms is not None else None


def _generations(environment: Environment) -> str:
    observed = environment.observed
    before = f"generation {observed} was applied" if observed else "none was applied yet"
    return f"generation {environment.generation} is desired, {before}"


def _run(environment: Environment) -> Iterator[str]:
    lease = environment.lease
    if lease is None:
        return
    since = f" since {iso(lease.since_ms)}" if lease.since_ms is not None else ""
    verb = "destroys it" if environment.want is Want.GONE else "applies it"
    yield f"{lease.holder} {verb}{since}, generation {lease.claimed}"
    if lease.progress is not None:
        yield f"at {iso(lease.progress.at_ms)}: {lease.progress.progress}"


def _made(environment: Environment) -> str:
    return f" at {iso(environment.made.at_ms)}" if environment.made else ""


def _last_event(environment: Environment, kinds: frozenset[str] | None) -> Iterator[str]:
    """Yield the last event of some kinds; without kinds, the last one that no run reported."""
    for event in reversed(environment.events):
        if event.kind in kinds if kinds is not None else event.kind not in _OF_WORKERS:
            yield _event(event)
            return


def _event(event: HistoryEvent) -> str:
    text = f": {event.text}" if event.text else ""
    return f"{event.kind} at {iso(event.at_ms)} by {event.actor}{text}"


def _failure(environment: Environment, outlook: Outlook) -> Iterator[str]:
    failure, attempts = environment.failure, environment.attempts
    if failure is None:
        return
    times = "the last attempt" if attempts == 1 else f"each of the last {attempts} attempts"
    yield (
        f"{times} failed, at {iso(failure.at_ms)} as {failure.kind}"
        f" (class {failure.failure_class}): {failure.message}"
    )
    if (hit := failure.quota) is not None:
        used = outlook.quotas.get(hit.quota.name)
        yield f"this quota is used up: {hit.text}{f'; {used}' if used else ''}"
    if written := output_text(failure.output):
        yield written


# ── facts that hold in any phase ──────────────────────────────────────────────────────────────────


def _facts(environment: Environment, phase: Phase, outlook: Outlook) -> Iterator[str]:
    """Yield what else is unusual, or decides what happens next."""
    if phase is Phase.GONE:
        return
    if (halt := outlook.halt(environment)) is not None:
        yield f"{halt.scope} is {halt}"
    if (wrong := _contradiction(environment)) is not None:
        yield wrong
    if environment.protected:
        yield "it is protected: it does not expire, and serve refuses to delete it"
    elif environment.want is Want.UP:
        yield _lifetime(environment, outlook)
    yield from _versions(environment)
    yield from _names_and_health(environment)


def _contradiction(environment: Environment) -> str | None:
    if environment.work is None or environment.lease is not None:
        return None
    return impossible_work(environment.work, environment.row)


def _lifetime(environment: Environment, outlook: Outlook) -> str:
    life = lifetime_of(environment, outlook.lifetimes)
    if life.ends_ms is None:
        return f"it does not expire: {life.why}"
    warnings = {0: "no warning", 1: "1 warning"}.get(environment.warned, "both warnings")
    return f"it expires at {iso(life.ends_ms)}, {life.why}; {warnings} given so far"


def _versions(environment: Environment) -> Iterator[str]:
    for repository, pin in sorted(environment.pins.items()):
        yield f"{repository} is {pin.text(repository)}"
    for repository, version in sorted(environment.versions.items()):
        if version.source is Source.BRANCH:
            yield f"{repository} has no build: the registry has an image of its branch"
        elif version.source is Source.DEFAULT:
            yield f"{repository} has no branch or image: its default is {version.version}"
    if environment.made and (gone := gone_text(environment.made.components)):
        yield gone


def _names_and_health(environment: Environment) -> Iterator[str]:
    for component, name in sorted(environment.dns.items()):
        if name.state is not NameState.PUBLISHED:
            yield f"the public name of {component} is {name.state}{_because(name.reason)}"
    for component, health in sorted(environment.health.items()):
        if health.state is not HealthState.PASS:
            yield f"the health of {component} is {health.state}{_because(health.reason)}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


# ── what would change it ──────────────────────────────────────────────────────────────────────────


def _changes(environment: Environment, phase: Phase, outlook: Outlook) -> Iterator[PossibleChange]:
    name, failure = environment.name, environment.failure
    if (halt := outlook.halt(environment)) is not None and phase is not Phase.GONE:
        yield PossibleChange(f"the end of the suspension: {halt.remedy}")
    if any(status.state is NameState.BLOCKED for status in environment.dns.values()):
        yield PossibleChange("removing the foreign record: chitragupta then publishes the name")
    if phase in {Phase.FAILED, Phase.DEGRADED} and failure is not None:
        action = required_action(phase, failure.remedy)
        if action is not None:
            yield PossibleChange(action)
        if (
            phase is Phase.FAILED
            and failure.failure_class is FailureClass.BUILD
            and _ran(environment)
        ):
            yield PossibleChange("the versions that ran before", f"gromit env rollback {name}")
    if environment.attempts and environment.lease is None:
        yield PossibleChange("another attempt at once", f"gromit env retry {name}")
    if environment.want is Want.GONE and environment.protected:
        yield PossibleChange("the end of its protection", f"gromit env unprotect {name}")
    yield from _of_phase(environment, phase)


def _ran(environment: Environment) -> bool:
    return any(event.kind == "sown" for event in environment.events)


def _of_phase(environment: Environment, phase: Phase) -> Iterator[PossibleChange]:
    name = environment.name
    match phase:
        case Phase.PENDING | Phase.SOWING | Phase.FAILED:
            yield PossibleChange("a newer build of one of its branches replaces what is desired")
        case Phase.READY | Phase.DEGRADED:
            yield PossibleChange("a build of one of its branches is applied")
            yield PossibleChange("new tasks for all components", f"gromit env redeploy {name}")
        case Phase.PARKED if environment.asleep:
            yield PossibleChange("a build, or waking it", f"gromit env wake {name}")
        case Phase.PARKED:
            yield PossibleChange("the newest versions start", f"gromit env unpark {name}")
        case Phase.DELETING | Phase.REAPING:
            yield PossibleChange("a build of one of its branches brings it back")
        case Phase.GONE:
            yield PossibleChange("a build of its branch creates a new incarnation")
    if environment.row.get(Attribute.LOOK_AT) and environment.want is Want.UP:
        yield PossibleChange("a later deadline", f"gromit env extend {name} 3d")
