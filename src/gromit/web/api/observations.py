"""Route of the observer: what runs in environments. chitragupta reports it after its passes."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from gromit.core.environments.observation import REASON_MAX, Observation
from gromit.core.names import NAME_MAX
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState, HealthStatus
from gromit.core.stack.made import COMPONENTS_MAX
from gromit.core.text import plain_line
from gromit.web.api.admission import CurrentCaller, Deps
from gromit.web.api.claims import EPOCH_MAX
from gromit.web.api.routes import new_router
from gromit.web.bodies import body_schema, json_body

router = new_router("/v1/observations")

ENVIRONMENTS_MAX = 500
"""Environments in one report."""
ComponentText = Annotated[StrictStr, Field(min_length=1, max_length=100)]
Reason = Annotated[StrictStr, Field(max_length=REASON_MAX, description="for people")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProblemBody(_Body):
    """A component that does not run or does not work."""

    component: ComponentText
    reason: Reason


class NameBody(_Body):
    """Status of the public DNS name of a component."""

    component: ComponentText
    state: Annotated[NameState, Field(description="published, missing or blocked")]
    reason: Reason = ""


class HealthBody(_Body):
    """Health of a component, from the answer of its program."""

    component: ComponentText
    state: Annotated[
        HealthState, Field(description="pass, warn, fail, or unknown while no answer counts")
    ]
    reason: Reason = ""


class ObservationBody(_Body):
    """Observation of one environment."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=NAME_MAX)]
    epoch: Annotated[
        StrictInt, Field(ge=0, le=EPOCH_MAX, description="epoch that serve showed before the look")
    ]
    problems: Annotated[list[ProblemBody], Field(max_length=COMPONENTS_MAX)]
    names: Annotated[list[NameBody], Field(max_length=COMPONENTS_MAX)]
    health: Annotated[
        list[HealthBody],
        Field(max_length=COMPONENTS_MAX, description="of each component whose program was asked"),
    ] = []

    @property
    def observation(self) -> Observation:
        """The observation, with reasons in one line."""
        return Observation(
            self.name,
            self.epoch,
            {p.component: plain_line(p.reason) for p in self.problems},
            {n.component: NameStatus(n.state, plain_line(n.reason)) for n in self.names},
            {h.component: HealthStatus(h.state, plain_line(h.reason)) for h in self.health},
        )


class ObservationReport(_Body):
    """Observations of environments that differ from what serve shows."""

    environments: Annotated[list[ObservationBody], Field(max_length=ENVIRONMENTS_MAX)]


@dataclass(frozen=True, slots=True)
class ObservationReceipt:
    """Result of a report."""

    changed: int
    """Number of environments that changed; others changed meanwhile, or are as reported."""


@router.post("", openapi_extra=body_schema(ObservationReport))
def observe(
    caller: CurrentCaller,
    deps: Deps,
    body: Annotated[ObservationReport, Depends(json_body(ObservationReport))],
) -> ObservationReceipt:
    """Record what runs, and the state of public names.

    A ready environment of which a part does not run becomes degraded, and due for a repair. One
    whose program says that it does not work becomes degraded only.
    """
    seen, stamp = [one.observation for one in body.environments], deps.stamp(caller)
    changed = deps.observations.record(seen, stamp)
    for environment in changed:
        deps.outcome("observation", environment.phase(stamp.now_ms))
        deps.run_metrics.observed(environment, stamp.now_ms)
    return ObservationReceipt(len(changed))
