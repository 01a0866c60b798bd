"""What an installation on AWS has to be: facts that were looked up, and the judgement of each.

Values in, findings out. A thing that is missing altogether is a fact like others (None, or absent); what could not be looked at
does not come here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gromit.core.doctor.findings import Check, Finding, ok, skipped, wrong
from gromit.core.doctor.quota_findings import QuotaThresholds
from gromit.core.names import normalize_dns_name
from gromit.core.stack.contract import Platform

_BASE = "terraform/base makes it: apply it"
_INFRA = "terraform/infra makes it: apply it"


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
    """Who AWS says we are."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFacts:
    """The bucket of states."""

    name: str
    versioned: bool
    encrypted: bool
    closed: bool
    """All four blocks of public access are on."""


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """The registry of one repository."""

    repository: str
    exists: bool
    default_tag: str
    has_default: bool
    """There is an image with the tag of the default branch."""


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """A workspace of Terraform Cloud."""

    name: str
    execution_mode: str
    """Where its runs are executed: `local`, `remote` or `agent`."""
    serial: int | None
    """Of its current state; None: nothing was ever applied."""
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
    """Whom serve takes us for."""

    url: str
    name: str
    role: str


def judge_account(identity: AwsIdentity, expected: str | None) -> Finding:
    """Whether it is the account that is meant."""
    if expected is None:
        return skipped(Check.ACCOUNT, f"doctor.account is not set; this is {identity.account}")
    if identity.account != expected:
        remedy = f"use credentials of account {expected}, or mend doctor.account"
        return wrong(Check.ACCOUNT, f"this is account {identity.account}, not {expected}", remedy)
    return ok(Check.ACCOUNT, identity.account)


def judge_region(region: str, expected: str | None) -> Finding:
    """Whether it is the region that is meant."""
    if expected is None:
        return skipped(Check.REGION, f"doctor.region is not set; this is {region}")
    if region != expected:
        return wrong(
            Check.REGION,
            f"this is {region}, not {expected}",
            f"set AWS_REGION={expected}, or mend doctor.region",
        )
    return ok(Check.REGION, region)


def judge_key_pair(name: str, *, exists: bool) -> Finding:
    """Whether the bastion can be made with the key pair that it is to have."""
    if not exists:
        remedy = (
            "import or make it in EC2, or name one that `aws ec2 describe-key-pairs` lists "
            "as bastion.key_pair of terraform/infra"
        )
        return wrong(
            Check.KEY_PAIR, "EC2 has no key pair of this name in this region", remedy, name
        )
    return ok(Check.KEY_PAIR, "EC2 has it", name)


def judge_bucket(bucket: BucketFacts) -> Finding:
    """Whether states are kept safely."""
    kept = {
        "versioning": bucket.versioned,
        "encryption": bucket.encrypted,
        "the block of public access": bucket.closed,
    }
    if lacks := [what for what, is_so in kept.items() if not is_so]:
        return wrong(
            Check.STATE_BUCKET,
            f"{bucket.name} lacks {', '.join(lacks)}",
            "terraform/base gives it: apply it",
            bucket.name,
        )
    return ok(Check.STATE_BUCKET, "versioned, encrypted, closed to the public", bucket.name)


def judge_workspace(check: Check, workspace: WorkspaceFacts) -> Finding:
    """Whether runs of a workspace are executed where they can be, and something was applied in it.

    A run that is executed elsewhere has neither the modules and the catalogue beside its root nor credentials of AWS.
    """
    root = "base" if check is Check.STATE_BASE else "infra"
    if workspace.execution_mode != "local":
        remedy = (
            f"set its execution mode to Local (Settings, General); until then apply "
            f"terraform/{root} with TF_FORCE_LOCAL_BACKEND=1"
        )
        return wrong(
            check,
            f"its execution mode is {workspace.execution_mode}, not local",
            remedy,
            workspace.name,
        )
    if workspace.serial is None:
        return wrong(
            check,
            "it can be read, and nothing was ever applied there",
            f"apply terraform/{root}",
            workspace.name,
        )
    return ok(
        check, f"state {workspace.serial} with {workspace.resources} resources", workspace.name
    )


def judge_registry(registry: RegistryFacts) -> Finding:
    """Whether environments can take the default branch of a repository from its registry."""
    if not registry.exists:
        return wrong(
            Check.REGISTRY, "there is no registry of this name", _BASE, registry.repository
        )
    if not registry.has_default:
        seen = f"there is no image {registry.repository}:{registry.default_tag}"
        return wrong(
            Check.REGISTRY,
            seen,
            "push a build of the default branch: every environment needs it",
            registry.repository,
        )
    return ok(Check.REGISTRY, f"has {registry.default_tag}", registry.repository)


def judge_table(name: str, lacks: Collection[str]) -> Finding:
    """Whether the table has key, index, expiry and recovery; `lacks` is the result of `TableSetup.missing`."""
    if "table" in lacks:
        return wrong(
            Check.TABLE, "there is no such table", f"{_INFRA}; or `gromit serve` makes one", name
        )
    if lacks:
        return wrong(
            Check.TABLE, f"it lacks {', '.join(lacks)}", "`gromit migrate --apply` adds it", name
        )
    return ok(Check.TABLE, "key, index, expiry and recovery are there", name)


def judge_ids(check: Check, wanted: Collection[str], problems: Mapping[str, str]) -> Finding:
    """Whether what the platform parameter names exists; `problems` has what is wrong with each that is not as it should be."""
    if problems:
        seen = "; ".join(f"{thing} {problem}" for thing, problem in problems.items())
        return wrong(check, seen, "apply terraform/infra anew: it writes the parameter")
    return ok(
        check, f"{next(iter(wanted))} exists" if len(wanted) == 1 else f"all {len(wanted)} exist"
    )


def judge_platform(platform: Platform, name: str, region: str) -> Finding:
    """Whether the parameter speaks of the region in which it stands."""
    if platform.region != region:
        seen = f"it speaks of {platform.region}, and stands in {region}"
        return wrong(Check.PLATFORM, seen, "apply terraform/infra in the right region", name)
    return ok(Check.PLATFORM, f"can be read, whole, and is of {platform.region}", name)


def judge_zone(zone: ZoneFacts, domain: str) -> Finding:
    """Whether public names can stand in the zone."""
    if zone.private:
        return wrong(
            Check.ZONE, f"{zone.name} is private", "set cluster.zoneid to the public zone", zone.id
        )
    if not f".{domain}".endswith(f".{zone.name}"):
        remedy = "cluster.domain has to be the name of the zone cluster.zoneid, or lie below it"
        return wrong(Check.ZONE, f"it is of {zone.name}, not of {domain}", remedy, zone.id)
    return ok(Check.ZONE, f"{zone.name}, public", zone.id)


def judge_delegation(zone: ZoneFacts, answered: Collection[str]) -> Finding:
    """Whether the world is sent to the zone's own name servers for it."""
    found, wanted = {normalize_dns_name(name) for name in answered}, zone.name_servers
    remedy = f"give {zone.name} these NS records in its parent's zone: {' '.join(sorted(wanted))}"
    if not found:
        return wrong(
            Check.DELEGATION,
            "DNS knows no name servers for it: it is not delegated",
            remedy,
            zone.name,
        )
    if found != wanted:
        strange = (
            f"names {' '.join(sorted(found - wanted))}"
            if found - wanted
            else f"lacks {' '.join(sorted(wanted - found))}"
        )
        return wrong(Check.DELEGATION, f"DNS {strange}", remedy, zone.name)
    return ok(
        Check.DELEGATION, f"DNS answers with the zone's {len(wanted)} name servers", zone.name
    )


def judge_serve_identity(caller: ServeIdentity) -> Finding:
    """That serve answers, and as whom it knows us."""
    return ok(Check.SERVE, f"answers; we are {caller.name}, {caller.role}", caller.url)
