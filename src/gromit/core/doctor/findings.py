"""Findings of the doctor: the checks, their results, and the judgement of facts.

Facts in, findings out. A check with rules of its own has a module: certificates, rights, quotas.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.doctor.installation import (
    AwsIdentity,
    BucketFacts,
    RegistryFacts,
    ServeIdentity,
    ZoneFacts,
)
from gromit.core.doctor.quotas import QuotaHeadroom
from gromit.core.names import normalize_dns_name
from gromit.core.stack.contract import Platform

_BASE = "apply terraform/base"
_INFRA = "apply terraform/infra"
_PUSH = "push a build of the default branch: every environment needs it"
_NEEDS_ID = (
    "if AWS refuses its workflow the role, set organization_id in terraform/base: "
    "without it, repositories created, renamed or transferred after 18 June 2026 cannot push"
)


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
    STATE_OTHER = "state.other"
    REGISTRY = "registry"
    SECRETS = "secrets"
    TABLE = "table"
    PLATFORM = "platform"
    PLATFORM_VPC = "platform.vpc"
    PLATFORM_SUBNETS = "platform.subnets"
    PLATFORM_NAMESPACE = "platform.namespace"
    PLATFORM_FILES = "platform.file_system"
    PLATFORM_ROLE = "platform.role"
    PLATFORM_MONGO = "platform.mongo"
    PLATFORM_EXEC = "platform.exec"
    ZONE = "zone"
    DELEGATION = "zone.delegation"
    NEIGHBOURS = "zone.neighbours"
    CERTIFICATE = "certificate"
    SERVE = "serve"
    TERRAFORM = "terraform"
    ROOT = "root"
    SUSPENSION = "suspension"
    RIGHTS = "rights"
    QUOTA = "quota"
    QUOTA_HIT = "quota.hit"
    ADDRESSES = "capacity.addresses"
    RATES = "capacity.rates"
    SERVE_CPU = "capacity.serve"
    MEMORY = "capacity.memory"


class FindingStatus(StrEnum):
    """Result of a check."""

    OK = "ok"
    WARNING = "warning"
    """Close to a limit; nothing is wrong yet."""
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
    """Instruction to fix it; empty unless something is wrong or close to a limit."""
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


def warning(check: Check, observed: str, remedy: str, subject: str = "") -> Finding:
    """Finding that something is close to a limit."""
    return Finding(
        check=check,
        subject=subject,
        state=FindingStatus.WARNING,
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
    in_order = {FindingStatus.OK, FindingStatus.WARNING}
    return Health.DEGRADED if states & in_order else Health.BROKEN


def judge_account(identity: AwsIdentity, expected: str | None) -> Finding:
    """Whether the account is the expected one."""
    if expected is None:
        reason = f"doctor.account is not set; the account is {identity.account}"
        return skipped(Check.ACCOUNT, reason)
    if identity.account != expected:
        return wrong(
            Check.ACCOUNT,
            f"the account is {identity.account}, not {expected}",
            f"use credentials of account {expected}, or correct doctor.account",
        )
    return ok(Check.ACCOUNT, identity.account)


def judge_region(region: str, expected: str | None) -> Finding:
    """Whether the region is the expected one."""
    if expected is None:
        return skipped(Check.REGION, f"doctor.region is not set; the region is {region}")
    if region != expected:
        return wrong(
            Check.REGION,
            f"the region is {region}, not {expected}",
            f"set AWS_REGION={expected}, or correct doctor.region",
        )
    return ok(Check.REGION, region)


def judge_key_pair(name: str, *, exists: bool) -> Finding:
    """Whether the bastion's key pair exists."""
    if exists:
        return ok(Check.KEY_PAIR, "exists in EC2", name)
    return wrong(
        Check.KEY_PAIR,
        "EC2 has no key pair of this name in this region",
        "create or import it in EC2, or set bastion.key_pair of terraform/infra to a name "
        "that `aws ec2 describe-key-pairs` lists",
        name,
    )


def judge_bucket(bucket: BucketFacts) -> Finding:
    """Whether the bucket protects states from loss and from the public."""
    protection = {
        "versioning": bucket.versioned,
        "encryption": bucket.encrypted,
        "the block of public access": bucket.closed,
    }
    if missing := [name for name, is_on in protection.items() if not is_on]:
        observed = f"{bucket.name} lacks {', '.join(missing)}"
        return wrong(Check.STATE_BUCKET, observed, _BASE, bucket.name)
    return ok(Check.STATE_BUCKET, "versioned, encrypted, closed to the public", bucket.name)


def judge_registry(registry: RegistryFacts) -> Finding:
    """Whether the registry of a repository has an image of the default branch."""
    repository = registry.repository
    if not registry.exists:
        return wrong(Check.REGISTRY, "there is no registry of this name", _BASE, repository)
    if not registry.has_default:
        return wrong(
            Check.REGISTRY,
            f"there is no image {repository}:{registry.default_tag}",
            _PUSH if registry.takes_ids else f"{_PUSH}; {_NEEDS_ID}",
            repository,
        )
    return ok(Check.REGISTRY, f"has {registry.default_tag}", repository)


def judge_table(name: str, lacks: Collection[str]) -> Finding:
    """Whether the table has its key, index, expiry and recovery; `lacks` names the missing ones.

    `lacks` contains `table` if there is no such table.
    """
    if "table" in lacks:
        remedy = f"{_INFRA}; or start `gromit serve`, which creates it"
        return wrong(Check.TABLE, "there is no such table", remedy, name)
    if lacks:
        observed = f"the table lacks {', '.join(lacks)}"
        return wrong(Check.TABLE, observed, "run `gromit migrate --apply`", name)
    return ok(Check.TABLE, "has its key, index, expiry and recovery", name)


def judge_ids(check: Check, ids: Collection[str], problems: Mapping[str, str]) -> Finding:
    """Whether resources of the platform parameter are in order; `problems` has those that are not.

    Every id in `problems` comes with its problem, such as `does not exist`.
    """
    if problems:
        observed = "; ".join(f"{id_} {problem}" for id_, problem in problems.items())
        return wrong(check, observed, f"{_INFRA} again: it writes the parameter")
    observed = f"{next(iter(ids))} exists" if len(ids) == 1 else f"all {len(ids)} exist"
    return ok(check, observed)


def judge_platform(
    platform: Platform, name: str, region: str, mongo_users: Collection[str] = ()
) -> Finding:
    """Whether the platform parameter names the region that it is stored in, and Mongo if needed.

    `mongo_users` has the components whose config templates name the platform's Mongo server.
    """
    if platform.region != region:
        observed = f"names {platform.region}, but is stored in {region}"
        return wrong(Check.PLATFORM, observed, f"{_INFRA} in the right region", name)
    if mongo_users and not platform.mongo:
        observed = (
            f"names no Mongo server, which {', '.join(sorted(mongo_users))} cannot do without"
        )
        remedy = f"{_INFRA} with a host in its variable `mongo`, or with `mongo_server`"
        return wrong(Check.PLATFORM, observed, remedy, name)
    return ok(Check.PLATFORM, f"readable and complete, for {platform.region}", name)


def judge_zone(zone: ZoneFacts, domain: str) -> Finding:
    """Whether the zone is public and can hold records of the domain."""
    if zone.private:
        remedy = "set cluster.zoneid to the public zone"
        return wrong(Check.ZONE, f"{zone.name} is private", remedy, zone.id)
    if not f".{domain}".endswith(f".{zone.name}"):
        remedy = f"set cluster.domain to {zone.name} or a name below it, or correct cluster.zoneid"
        return wrong(Check.ZONE, f"the zone is {zone.name}, not {domain}", remedy, zone.id)
    return ok(Check.ZONE, f"{zone.name}, public", zone.id)


def judge_delegation(zone: ZoneFacts, answered: Collection[str]) -> Finding:
    """Whether DNS returns exactly the name servers of the zone."""
    found, expected = {normalize_dns_name(name) for name in answered}, zone.name_servers
    remedy = f"create these NS records for {zone.name} in its parent zone: "
    remedy += " ".join(sorted(expected))
    if not found:
        observed = "not delegated: DNS returns no name servers"
        return wrong(Check.DELEGATION, observed, remedy, zone.name)
    if foreign := found - expected:
        observed = f"DNS returns {' '.join(sorted(foreign))}"
        return wrong(Check.DELEGATION, observed, remedy, zone.name)
    if missing := expected - found:
        observed = f"DNS lacks {' '.join(sorted(missing))}"
        return wrong(Check.DELEGATION, observed, remedy, zone.name)
    observed = f"DNS returns the zone's {len(expected)} name servers"
    return ok(Check.DELEGATION, observed, zone.name)


def judge_serve_identity(identity: ServeIdentity) -> Finding:
    """Report that serve answers, and the identity that it gives the caller."""
    observed = f"answers; the caller is {identity.name}, {identity.role}"
    return ok(Check.SERVE, observed, identity.url)
