"""Report of one pass of sow, reap or chitragupta, for metrics."""

from dataclasses import dataclass
from enum import StrEnum

from gromit.core.load import MemoryUse

DURATIONS_MAX = 500
"""Durations of a kind in one report. More of them in one pass are not measured."""


class PassPart(StrEnum):
    """Part that makes passes."""

    SOW = "sow"
    REAP = "reap"
    CHITRAGUPTA = "chitragupta"


class PassOutcome(StrEnum):
    """Outcome of a pass."""

    DONE = "done"
    FAILED = "failed"
    SUSPENDED = "suspended"


class CallOutcome(StrEnum):
    """Outcome of a call of AWS, after all its retries."""

    OK = "ok"
    THROTTLED = "throttled"
    DENIED = "denied"
    REFUSED = "refused"
    """Any other answer that is an error of the request; some are an expected answer."""
    UNAVAILABLE = "unavailable"
    """An error of AWS, or no answer."""


class TerraformAction(StrEnum):
    """Command of Terraform that a run executes."""

    APPLY = "apply"
    DESTROY = "destroy"


AWS_SERVICES = (
    "cloudwatch", "dynamodb", "ec2", "ecr", "ecs", "efs", "iam", "logs", "resourcegroupstaggingapi",
    "route53", "s3", "secretsmanager", "service-quotas", "servicediscovery", "ssm", "sts", "other",
)  # fmt: skip
"""Services that gromit calls, as boto3 names them."""


@dataclass(frozen=True, slots=True)
class CallCount:
    """Number of calls of one service with one outcome."""

    service: str
    outcome: CallOutcome
    count: int


@dataclass(frozen=True, slots=True)
class TerraformTime:
    """Duration of one Terraform command."""

    action: TerraformAction
    is_done: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class DnsFigures:
    """Numbers of a pass of chitragupta."""

    records: int
    """Address records of gromit before the pass."""
    blocked: int
    created: int
    updated: int
    deleted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReport:
    """Report of one pass; of a watch, of the time since its last report."""

    part: PassPart
    outcome: PassOutcome
    seconds: float
    calls: tuple[CallCount, ...] = ()
    terraform: tuple[TerraformTime, ...] = ()
    dns: DnsFigures | None = None
    memory: MemoryUse | None = None
    """Memory of a worker since its start; None if it runs no terraforms."""
    lags: tuple[float, ...] = ()
    """Seconds from the start of a public task to the write of its record."""
