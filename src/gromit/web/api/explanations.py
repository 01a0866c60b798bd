"""Route that explains an environment: why it is in its state, and what happens next."""

import math
from dataclasses import dataclass

from gromit.core.environments.expected_steps import Outlook, StepKind
from gromit.core.environments.explanation import PossibleChange, explain
from gromit.core.environments.phases import Phase
from gromit.core.environments.queue_place import QueuePlace
from gromit.core.time import iso
from gromit.web.api.admission import ApiDeps, Deps
from gromit.web.api.doctor_reports import last_reports
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.api.visibility import Visible

router = new_router("/v1/environments")


@dataclass(frozen=True, slots=True)
class ExpectedStepView:
    """A step that follows if nothing changes until then."""

    kind: StepKind
    at: str | None
    """Earliest time; null if it waits for an event whose time is not known."""
    text: str


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """Reasons of a state, next steps, and what would change the state."""

    name: str
    phase: Phase
    at: str
    """Time at which all of this holds."""
    why: tuple[str, ...]
    next: list[ExpectedStepView]
    queue: QueuePlace | None
    """Place in the queue, if its work is due and no worker has it."""
    changes: tuple[PossibleChange, ...]


@router.get("/{name}/explanation", responses=error_responses(404, 409))
def get_explanation(visible: Visible, deps: Deps, name: str) -> ExplanationView:
    """Explain why an environment is in its state, what happens next, and what would change it."""
    environment, now_ms = visible.inspect(name), deps.now_ms()
    suspensions = deps.suspensions.current(now_ms)
    grace_ms = deps.environments.policy.grace_ms
    quotas = _quotas(deps) if environment.failure and environment.failure.quota else {}
    outlook = Outlook(
        now_ms, deps.views.lifetimes, grace_ms, suspensions, quotas, deps.sleeper.policy
    )
    found = explain(environment, outlook)
    steps = [
        ExpectedStepView(s.kind, None if s.at_ms is None else _time(s.at_ms, now_ms), s.text)
        for s in found.next
    ]
    place = deps.queues(now_ms, suspensions).place(environment)
    return ExplanationView(
        environment.name, found.phase, iso(now_ms), found.why, steps, place, found.changes
    )


def _quotas(deps: ApiDeps) -> dict[str, str]:
    """Return the usage of each quota, as the doctor last reported it. One read of its row."""
    return {
        line.quota: f"at {report.at} {line.used:g} of {line.limit:g} were used"
        for report in last_reports(deps)
        for line in report.quotas
    }


def _time(at_ms: int, now_ms: int) -> str:
    """Return the first whole second at which the step is possible."""
    return iso(now_ms if at_ms <= now_ms else math.ceil(at_ms / 1000) * 1000)
