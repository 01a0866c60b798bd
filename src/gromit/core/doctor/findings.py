"""Findings of the doctor: the result of a check, with a remedy if something is wrong."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.doctor.quotas import QuotaHeadroom


class Check(StrEnum):
    """Everything that the doctor checks.

    The names are stable: alarms and scripts may rely on them (docs/reference/doctor.md).
    """

    IDENTITY = "identity"
    ACCOUNT = "account"
    REGION = "region"
    KEY_PAIR = "key_pair"
    STATE_BUCKET = "state.bucket"
    STATE_BASE = "state.base"
    STATE_INFRA = "state.infra"
    REGISTRY = "registry"
    TABLE = "table"
    PLATFORM = "platform"
    PLATFORM_VPC = "platform.vpc"
    PLATFORM_SUBNETS = "platform.subnets"
    PLATFORM_NAMESPACE = "platform.namespace"
    PLATFORM_FILES = "platform.file_system"
    PLATFORM_ROLE = "platform.role"
    ZONE = "zone"
    DELEGATION = "zone.delegation"
    CERTIFICATE = "certificate"
    SERVE = "serve"
    ROOT = "root"
    SUSPENSION = "suspension"
    RIGHTS = "rights"
    QUOTA = "quota"


class FindingStatus(StrEnum):
    """Result of a check."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"
    """Not checked, or nothing to compare with; the finding gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of a check: status, observation and remedy."""

    check: Check
    subject: str = ""
    """Object of the check, if there are several, such as the name of a repository."""
    state: FindingStatus
    observed: str
    """Observation of the doctor, or the reason for skipping the check."""
    remedy: str = ""
    """Instruction to fix it; empty unless something is wrong."""
    headroom: QuotaHeadroom | None = None
    """Figures of a quota whose limit AWS reported."""


_LONGEST = 300
"""Characters of an observation; other programs' errors may fill pages."""


def sentence(text: str) -> str:
    """Put a text on one line and truncate it."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def ok(check: Check, observed: str, subject: str = "") -> Finding:
    """Finding that something is in order."""
    return Finding(
        check=check, subject=subject, state=FindingStatus.OK, observed=sentence(observed)
    )


def wrong(check: Check, observed: str, remedy: str, subject: str = "") -> Finding:
    """Finding that something needs a fix."""
    return Finding(
        check=check,
        subject=subject,
        state=FindingStatus.WRONG,
        observed=sentence(observed),
        remedy=remedy,
    )


def skipped(check: Check, reason: str, subject: str = "") -> Finding:
    """Finding that something was not checked."""
    return Finding(
        check=check, subject=subject, state=FindingStatus.SKIPPED, observed=sentence(reason)
    )


class Health(StrEnum):
    """Summary of all findings."""

    HEALTHY = "healthy"
    """Nothing is wrong."""
    DEGRADED = "degraded"
    """Some findings are wrong, others are ok."""
    BROKEN = "broken"
    """At least one finding is wrong and none is ok."""


def overall_health(findings: Iterable[Finding]) -> Health:
    """Summarize findings; skipped ones do not count."""
    states = {f.state for f in findings}
    if FindingStatus.WRONG not in states:
        return Health.HEALTHY
    return Health.DEGRADED if FindingStatus.OK in states else Health.BROKEN
