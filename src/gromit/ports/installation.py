"""The port of the doctor: facts about an installation."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from gromit.core.doctor.capacity import PlatformLoad, SubnetAddresses
from gromit.core.doctor.installation import (
    AwsIdentity,
    BucketFacts,
    RegistryFacts,
    ServeIdentity,
    WorkspaceFacts,
    ZoneFacts,
)
from gromit.core.doctor.quotas import Quota, QuotaUsage
from gromit.core.doctor.rights import Permission
from gromit.core.stack.contract import Platform
from gromit.core.stack.secrets import SecretState

if TYPE_CHECKING:
    from gromit.core.doctor.certificates import PemBundle


class InstallationFacts(Protocol):
    """Facts about an installation, for the doctor. Nothing is changed.

    A missing resource is a fact or a `NotFound`. Every method raises a `GromitError` if it cannot
    look the fact up. Facts that several checks need are looked up once.
    """

    def identity(self) -> AwsIdentity:
        """Account and ARN of the AWS credentials."""

    def region(self) -> str:
        """AWS region in use."""

    def has_key_pair(self, name: str) -> bool:
        """Whether EC2 has a key pair of this name in the region."""

    def state_bucket(self) -> BucketFacts:
        """Protection of the bucket of Terraform states."""

    def workspace(self, name: str) -> WorkspaceFacts:
        """Execution mode and state of a Terraform Cloud workspace."""

    def registry(self, repository: str, default_tag: str) -> RegistryFacts:
        """Registry of a repository, and whether it has an image with the default tag."""

    def secrets(self, ids: Collection[str]) -> Mapping[str, SecretState]:
        """State of each secret of environments, by name or ARN. No value is read."""

    def table_lacks(self) -> Collection[str]:
        """Missing parts of the table, of `table`, `index`, `expiry` and `recovery`."""

    def platform(self) -> Platform:
        """Ids from the platform parameter."""

    def vpc_problems(self) -> Mapping[str, str]:
        """Id to problem, for the platform's VPC; empty if there is none. So are the next four."""

    def subnet_problems(self) -> Mapping[str, str]:
        """Problems of the platform's subnets."""

    def namespace_problems(self) -> Mapping[str, str]:
        """Problems of the platform's Cloud Map namespace."""

    def file_system_problems(self) -> Mapping[str, str]:
        """Problems of the platform's file system."""

    def role_problems(self) -> Mapping[str, str]:
        """Problems of the execution role of environments."""

    def zone(self, zone_id: str) -> ZoneFacts:
        """Name, visibility and name servers of a Route53 zone."""

    def installations(self, zone_id: str, domain: str) -> Mapping[str, int]:
        """Environments with ownership records, by installation; empty where they name none."""

    def domain(self) -> str:
        """Domain of public names, in lower case. Raises `ConfigError` if it is not set."""

    def name_servers(self, domain: str) -> Collection[str]:
        """Name servers that DNS returns for a domain; empty if it is not delegated."""

    def has_address(self, name: str) -> bool:
        """Whether DNS returns an address for a name. An address is one itself."""

    def certificate(self, subject: str) -> "PemBundle | None":
        """PEM texts of the certificate `ca`, `serve` or `client`; None if it is not set."""

    def serve_identity(self) -> ServeIdentity:
        """Name and role that serve gives the caller."""

    def terraform(self) -> str:
        """Product and version of this machine's terraform, and of its AWS provider.

        Raises `ConfigError` if there is no usable terraform.
        """

    def has_config_root(self) -> bool:
        """Whether the path of the config root exists on this machine, or cannot be accessed."""

    def suspension(self) -> str | None:
        """Description of the suspension in force. Raises `ConfigRootUnusable` without a marker."""

    def simulate_role(
        self, role: str, permissions: Collection[Permission]
    ) -> Mapping[tuple[str, str], bool] | None:
        """(action, resource) to whether AWS allows it to a role; None if there is no such role."""

    def quota_usages(self) -> Mapping[Quota, QuotaUsage]:
        """Limit and usage of every quota, where AWS reports them."""

    def subnet_addresses(self) -> Mapping[str, SubnetAddresses]:
        """Addresses of each of the platform's subnets, by id."""

    def quota_failures(self) -> Mapping[str, tuple[str, str]]:
        """Quota and its remedy, for each environment whose last run has hit one, from serve."""

    def platform_load(self) -> PlatformLoad:
        """Load of serve and of workers, from serve."""

    def environments(self) -> int:
        """Number of environments that serve lists as desired up."""
