"""What the doctor finds: one line for each thing that was looked at, with what is to be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.doctor.quotas import QuotaHeadroom


class Check(StrEnum):
    """What is looked at. The names are stable: alarms and scripts may rely on them (docs/reference/doctor.md)."""

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
    """How a thing stands."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"
    """It was not looked at, or cannot be judged; why is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line."""

    check: Check
    subject: str = ""
    """Which of several, like the name of a repository."""
    state: FindingStatus
    seen: str
    """What was seen, or why nothing was."""
    remedy: str = ""
    """What to do, where something is wrong."""
    wall: QuotaHeadroom | None = None
    """The figures of a quota that AWS has told."""


_LONGEST = 300
"""Characters of a sentence; errors of others may be whole pages."""


def sentence(text: str) -> str:
    """A text in one line, and not too long for one."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def ok(check: Check, seen: str, subject: str = "") -> Finding:
    """A thing in order."""
    return Finding(check=check, subject=subject, state=FindingStatus.OK, seen=sentence(seen))


def wrong(check: Check, seen: str, remedy: str, subject: str = "") -> Finding:
    """A thing that is to be mended."""
    return Finding(
        check=check, subject=subject, state=FindingStatus.WRONG, seen=sentence(seen), remedy=remedy
    )


def skipped(check: Check, why: str, subject: str = "") -> Finding:
    """A thing that was not looked at."""
    return Finding(check=check, subject=subject, state=FindingStatus.SKIPPED, seen=sentence(why))


class Health(StrEnum):
    """All findings together."""

    SOUND = "sound"
    """Nothing is wrong."""
    AILING = "ailing"
    """Some things are wrong, others in order."""
    BROKEN = "broken"
    """Whatever could be judged is wrong."""


def overall_health(findings: Iterable[Finding]) -> Health:
    """What the findings come to; those that were skipped do not count."""
    states = {f.state for f in findings}
    if FindingStatus.WRONG not in states:
        return Health.SOUND
    return Health.AILING if FindingStatus.OK in states else Health.BROKEN
