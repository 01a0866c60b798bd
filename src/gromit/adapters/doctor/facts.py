"""Facts that AWS reports about an installation."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from gromit.adapters.aws.client import CLIENT
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.adapters.aws.secrets import ManagedSecrets
from gromit.adapters.doctor import account, rights
from gromit.adapters.doctor import platform as parts
from gromit.adapters.doctor.quotas import AwsQuotas, CountedResources, QuotaClients
from gromit.adapters.doctor.zone_marks import count_marks
from gromit.core.doctor.capacity import SubnetAddresses
from gromit.core.doctor.installation import (
    AwsIdentity,
    BucketFacts,
    ExpectedInstallation,
    RegistryFacts,
    ZoneFacts,
)
from gromit.core.doctor.quotas import Quota, QuotaUsage
from gromit.core.doctor.rights import Permission
from gromit.core.stack.contract import Platform
from gromit.core.stack.secrets import SecretState
from gromit.errors import GromitError

if TYPE_CHECKING:
    import boto3


class AwsFacts:
    """AWS's part of the port `InstallationFacts`. Each client is made when first used."""

    def __init__(
        self,
        session: "Callable[[], boto3.Session]",
        expected: ExpectedInstallation,
        now: Callable[[], datetime],
    ) -> None:
        self._session = session
        self._expected = expected
        self._now = now
        self._client: Callable[[str], Any] = cache(self._new_client)
        self._zone: Callable[[str], ZoneFacts] = cache(self._get_zone)

    def identity(self) -> AwsIdentity:
        """Account and ARN of the credentials."""
        return self._identity

    def region(self) -> str:
        """Region of the session."""
        return self._session().region_name

    def has_key_pair(self, name: str) -> bool:
        """Whether EC2 has a key pair."""
        return account.has_key_pair(self._client("ec2"), name)

    def state_bucket(self) -> BucketFacts:
        """Protection of the bucket of states."""
        return account.get_bucket(self._client("s3"), self._expected.state_bucket)

    def registry(self, repository: str, default_tag: str) -> RegistryFacts:
        """Registry of a repository, and whether it has the default tag."""
        ecr, owner = self._client("ecr"), self._expected.registry_id
        exists = account.has_registry(ecr, repository, owner)
        image = (repository, default_tag)
        has_default = exists and image in EcrImages(ecr, owner).digests([image])
        return RegistryFacts(
            repository,
            exists=exists,
            default_tag=default_tag,
            has_default=has_default,
            takes_ids=has_default or self._takes_ids(repository),
        )

    def secrets(self, ids: Collection[str]) -> Mapping[str, SecretState]:
        """States of secrets."""
        return ManagedSecrets(self._client("secretsmanager")).states(ids)

    def table_lacks(self) -> Collection[str]:
        """Parts that the table lacks."""
        return TableSetup(self._client("dynamodb"), self._expected.table, time.sleep).missing()

    def platform(self) -> Platform:
        """Ids that the platform parameter holds."""
        return self._platform

    def vpc_problems(self) -> Mapping[str, str]:
        """Problem of the platform's VPC."""
        return parts.vpc_problems(self._client("ec2"), self._platform)

    def subnet_problems(self) -> Mapping[str, str]:
        """Problems of the platform's subnets."""
        return parts.subnet_problems(self._client("ec2"), self._platform)

    def subnet_addresses(self) -> Mapping[str, SubnetAddresses]:
        """Addresses of the platform's subnets."""
        return parts.subnet_addresses(self._client("ec2"), self._platform)

    def namespace_problems(self) -> Mapping[str, str]:
        """Problem of the platform's Cloud Map namespace."""
        return parts.namespace_problems(self._client("servicediscovery"), self._platform)

    def file_system_problems(self) -> Mapping[str, str]:
        """Problem of the platform's file system."""
        return parts.file_system_problems(self._client("efs"), self._platform)

    def role_problems(self) -> Mapping[str, str]:
        """Problem of the environments' execution role."""
        return parts.role_problems(self._client("iam"), self._platform)

    def zone(self, zone_id: str) -> ZoneFacts:
        """A zone of Route53."""
        return self._zone(zone_id)

    def installations(self, zone_id: str, domain: str) -> Mapping[str, int]:
        """Ownership records in the zone, by installation."""
        return count_marks(self._client("route53"), zone_id, domain)

    def simulate_role(
        self, role: str, permissions: Collection[Permission]
    ) -> Mapping[tuple[str, str], bool] | None:
        """Simulate actions of a role; None if it does not exist."""
        return rights.simulate(self._client("iam"), role, permissions)

    def quota_usages(self) -> Mapping[Quota, QuotaUsage]:
        """Limit and usage of each quota; without a platform, two of them have no usage."""
        try:
            platform = self.platform()
        except GromitError:  # the check of the platform reports the reason
            counted = CountedResources(None, None, self._expected.zone_id)
        else:
            counted = CountedResources(
                platform.namespace_id, platform.file_system_id, self._expected.zone_id
            )
        return AwsQuotas(QuotaClients.of(self._client), counted, self._now).usages()

    def _takes_ids(self, repository: str) -> bool:
        return account.takes_subjects_with_ids(self._client("iam"), repository)

    def _new_client(self, service: str) -> Any:
        make: Callable[..., Any] = self._session().client
        return make(service, config=CLIENT)

    @cached_property
    def _identity(self) -> AwsIdentity:
        return account.get_identity(self._client("sts"))

    @cached_property
    def _platform(self) -> Platform:
        expected = self._expected
        parameter = PlatformParameter(self._client("ssm"), expected.platform, expected.installation)
        return parameter.read()

    def _get_zone(self, zone_id: str) -> ZoneFacts:
        return account.get_zone(self._client("route53"), zone_id)
