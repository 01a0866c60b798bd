"""Facts about an installation on AWS, and their judgement.

Values in, findings out. A missing resource is a fact (None, or absent). A fact that could not be
looked up does not get here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gromit.core.doctor.findings import Check, Finding, ok, skipped, wrong
from gromit.core.doctor.quota_findings import QuotaThresholds
from gromit.core.names import normalize_dns_name
from gromit.core.stack.contract import Platform

_BASE = "apply terraform/base"
_INFRA = "apply terraform/infra"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedInstallation:
    """Names and values from the settings, to look up and to compare with; None where not set."""

    account: str | None
    region: str | None
    key_pair: str | None
    state_bucket: str
    base: str | None
    """Terraform Cloud workspace of terraform/base."""
    infra: str | None
    """Terraform Cloud workspace of terraform/infra."""
    organization: str
    """Organization at Terraform Cloud; empty if not set."""
    has_cloud_token: bool
    """Whether there is a token for Terraform Cloud."""
    table: str
    registry_id: str | None
    """Account of the container registries; None: the caller's."""
    platform: str
    """SSM parameter that holds the platform's ids."""
    zone_id: str | None
    serve_url: str | None
    root: str
    """Path of the config root."""
    roles: tuple[str, ...] = ()
    """Roles with names of their own, each as `part=name` or `part=ARN`."""
    quotas: QuotaThresholds


@dataclass(frozen=True, slots=True)
class AwsIdentity:
    """Identity of the AWS credentials."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFacts:
    """Protection of the bucket of states."""

    name: str
    versioned: bool
    encrypted: bool
    closed: bool
    """Whether all four blocks of public access are on."""


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """Registry of one repository."""

    repository: str
    exists: bool
    default_tag: str
    has_default: bool
    """Whether there is an image with the tag of the default branch."""


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """A workspace of Terraform Cloud."""

    name: str
    execution_mode: str
    """Place where its runs are executed: `local`, `remote` or `agent`."""
    serial: int | None
    """Serial of its current state; None if nothing was ever applied."""
    resources: int = 0


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """A zone in Route53."""

    id: str
    name: str
    name_servers: frozenset[str]
    private: bool


@dataclass(frozen=True, slots=True)
class ServeIdentity:
    """Name and role that serve gives the caller, with serve's URL."""

    url: str
    name: str
    role: str


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


def judge_workspace(check: Check, workspace: WorkspaceFacts) -> Finding:
    """Whether a workspace runs locally and has been applied.

    A remote run has neither the modules and the catalogue beside its root nor AWS credentials.
    """
    root = "base" if check is Check.STATE_BASE else "infra"
    if workspace.execution_mode != "local":
        return wrong(
            check,
            f"its execution mode is {workspace.execution_mode}, not local",
            f"set its execution mode to Local (Settings, General); until then apply "
            f"terraform/{root} with TF_FORCE_LOCAL_BACKEND=1",
            workspace.name,
        )
    if workspace.serial is None:
        observed = "readable, but never applied"
        return wrong(check, observed, f"apply terraform/{root}", workspace.name)
    observed = f"state {workspace.serial} with {workspace.resources} resources"
    return ok(check, observed, workspace.name)


def judge_registry(registry: RegistryFacts) -> Finding:
    """Whether the registry of a repository has an image of the default branch."""
    repository = registry.repository
    if not registry.exists:
        return wrong(Check.REGISTRY, "there is no registry of this name", _BASE, repository)
    if not registry.has_default:
        return wrong(
            Check.REGISTRY,
            f"there is no image {repository}:{registry.default_tag}",
            "push a build of the default branch: every environment needs it",
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


def judge_platform(platform: Platform, name: str, region: str) -> Finding:
    """Whether the platform parameter names the region that it is stored in."""
    if platform.region != region:
        observed = f"names {platform.region}, but is stored in {region}"
        return wrong(Check.PLATFORM, observed, f"{_INFRA} in the right region", name)
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
