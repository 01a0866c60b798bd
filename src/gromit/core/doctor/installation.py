"""Facts about an installation on AWS, and the values that it is expected to have.

A missing resource is a fact (None, or absent). A fact that could not be looked up has no value.
"""

from dataclasses import dataclass

from gromit.core.doctor.quotas import QuotaThresholds
from gromit.core.rates.demand import Activity

TWO_BUILDS = Activity(builds_per_hour=2)
"""Two builds of each environment in an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedInstallation:
    """Names and values from the settings, to look up and to compare with; None where not set."""

    installation: str = ""
    """Name of this installation; empty if it has none."""
    account: str | None
    region: str | None
    key_pair: str | None
    state_bucket: str
    base: str | None
    """Terraform Cloud workspace of terraform/base."""
    infra: str | None
    """Terraform Cloud workspace of terraform/infra."""
    workspaces: tuple[str, ...] = ()
    """Terraform Cloud workspaces of other roots."""
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
    activity: Activity = TWO_BUILDS
    """Expected changes of environments."""


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
    takes_ids: bool = True
    """Whether workflows with ids in the subjects of their tokens may push; True if unknown."""


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """A workspace of Terraform Cloud."""

    name: str
    execution_mode: str
    """Place where its runs are executed: `local`, `remote` or `agent`."""
    is_applied: bool
    """Whether it has a state, which the first apply creates."""
    resources: int = 0
    is_locked: bool = False
    token_reads_state: bool = False
    """Whether the token may download the state."""


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
