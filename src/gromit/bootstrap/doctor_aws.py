"""What the doctor asks AWS, each fact once."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gromit.bootstrap.backends import image_registry, platform_source, session
from gromit.errors import ConfigError, GromitError

if TYPE_CHECKING:
    from gromit.config.schema import Settings
    from gromit.core.doctor.findings import Finding
    from gromit.core.doctor.installation import AwsIdentity, BucketFacts, RegistryFacts, ZoneFacts
    from gromit.core.doctor.rights import ControlPlanePart, ResourceArns
    from gromit.core.stack.catalogue import Catalogue
    from gromit.core.stack.contract import Platform


class AwsFacts:
    """The account that the settings and the SDK's variables lead to. Facts that were found are kept."""

    def __init__(self, settings: "Settings") -> None:
        self.settings = settings

    def client(self, service: str) -> Any:
        """A client of a service."""
        from gromit.adapters.aws import client as aws

        make: Callable[..., Any] = session().client
        return make(service, config=aws.CLIENT)

    @cached_property
    def identity(self) -> "AwsIdentity":
        """Who we are."""
        from gromit.adapters.doctor.account import get_identity

        return get_identity(self.client("sts"))

    @cached_property
    def platform(self) -> "Platform":
        """The ids that environments are built from."""
        return platform_source(self.settings).read()

    def has_key_pair(self, name: str) -> bool:
        """Whether EC2 has a key pair."""
        from gromit.adapters.doctor.account import has_key_pair

        return has_key_pair(self.client("ec2"), name)

    def bucket(self) -> "BucketFacts":
        """The bucket of states."""
        from gromit.adapters.doctor.account import get_bucket

        return get_bucket(self.client("s3"), self.settings.state.bucket)

    def registry(self, repository: str, default_tag: str) -> "RegistryFacts":
        """The registry of a repository."""
        from gromit.adapters.doctor.account import has_registry
        from gromit.core.doctor.installation import RegistryFacts

        if not has_registry(self.client("ecr"), repository, self.settings.registryid):
            return RegistryFacts(
                repository, exists=False, default_tag=default_tag, has_default=False
            )
        image = (repository, default_tag)
        found = image_registry(self.settings).digests([image])
        return RegistryFacts(
            repository, exists=True, default_tag=default_tag, has_default=image in found
        )

    def table_lacks(self) -> list[str]:
        """What the table lacks."""
        from gromit.adapters.aws.dynamodb_table import TableSetup

        return TableSetup(self.client("dynamodb"), self.settings.tablename, time.sleep).lacks()

    def zone(self, zone_id: str) -> "ZoneFacts":
        """The public zone."""
        from gromit.adapters.doctor.account import get_zone

        return get_zone(self.client("route53"), zone_id)


def rights_findings(settings: "Settings", account: AwsFacts, known: "Catalogue") -> "list[Finding]":
    """What AWS says that each part's role may do."""
    from gromit.adapters.doctor.rights import simulate
    from gromit.core.doctor.rights import (
        ControlPlanePart,
        SimulatedRole,
        default_role_name,
        expected_permissions,
        judge_permissions,
    )

    named = _named_roles(settings)
    places = _places(
        account, known, named.get(ControlPlanePart.SERVE, default_role_name(ControlPlanePart.SERVE))
    )
    usual = {part: default_role_name(part) for part in ControlPlanePart} | {
        ControlPlanePart.ENVIRONMENTS: places.execution_role
    }
    iam = account.client("iam")
    answers = {
        part: SimulatedRole(
            role, part in named, simulate(iam, role, expected_permissions(part, places))
        )
        for part, role in {**usual, **named}.items()
    }
    return judge_permissions(answers, places)


def quota_findings(
    account: AwsFacts, known: "Catalogue", environments: Callable[[], int]
) -> "list[Finding]":
    """The walls. Without serve, the clusters that exist count as environments."""
    from gromit.adapters.doctor.quotas import AwsQuotas, CountedResources, QuotaClients
    from gromit.core.doctor.quota_findings import QuotaThresholds, judge_quotas
    from gromit.core.doctor.quotas import Quota, per_environment, quota_headrooms

    client = account.client
    clients = QuotaClients.of(client)
    platform = _or_none(lambda: account.platform)
    counted = CountedResources(
        platform.namespace_id if platform else None,
        platform.file_system_id if platform else None,
        account.settings.cluster.zoneid,
    )
    usages = AwsQuotas(clients, counted, lambda: datetime.now(UTC)).usages()
    exist = _or_none(environments)
    if exist is None:
        exist = int(usages[Quota.CLUSTERS].used or 0)
    expected = account.settings.doctor
    found = quota_headrooms(usages, per_environment(known), exist)
    return judge_quotas(
        found, usages, QuotaThresholds(expected.quota_percent, expected.environments)
    )


def _or_none(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except GromitError:  # another check says what is wrong with it
        return None


def _named_roles(settings: "Settings") -> "Mapping[ControlPlanePart, str]":
    from gromit.core.doctor.rights import ControlPlanePart

    pairs = [pair.partition("=")[::2] for pair in settings.doctor.roles]
    if strange := sorted({name for name, _ in pairs} - set(ControlPlanePart)):
        raise ConfigError(
            f"doctor.roles names {', '.join(strange)}",
            hint=f"parts are {', '.join(ControlPlanePart)}",
        )
    return {ControlPlanePart(name): role for name, role in pairs}


def _places(account: AwsFacts, known: "Catalogue", serve_role: str) -> "ResourceArns":
    from gromit.adapters.aws.dynamodb import INDEX
    from gromit.adapters.aws.state_bucket import state_key
    from gromit.core.doctor.rights import ResourceArns
    from gromit.core.stack.terraform import STATE_KEY

    settings, owner = account.settings, account.identity.account
    partition = account.identity.arn.split(":")[1]
    region = session().region_name
    here = f"arn:{partition}:%s:{region}:{owner}"
    registry = f"arn:{partition}:ecr:{region}:{settings.registryid or owner}:repository"
    table = f"{here % 'dynamodb'}:table/{settings.tablename}"
    bucket = f"arn:{partition}:s3:::{settings.state.bucket}"
    return ResourceArns(
        table=table,
        index=f"{table}/index/{INDEX}",
        states=f"{bucket}/{state_key('example')}",
        no_state=f"{bucket}/{STATE_KEY}",
        bucket=bucket,
        namespace=f"{here % 'servicediscovery'}:namespace/{account.platform.namespace_id}",
        names=f"{here % 'servicediscovery'}:service/srv-example",
        zone=f"arn:{partition}:route53:::hostedzone/{settings.cluster.zoneid}",
        parameter=f"{here % 'ssm'}:parameter/{settings.cluster.platform.lstrip('/')}",
        registries=tuple(
            f"{registry}/{c.repository}" for c in known.components.values() if c.repository
        ),
        logs=f"{here % 'logs'}:log-group:/gromit/example:log-stream:example",
        execution_role=account.platform.execution_role_arn,
        ca_key=f"{here % 'secretsmanager'}:secret:gromit/ca-key-000000",
        serve_role=serve_role
        if serve_role.startswith("arn:")
        else f"arn:{partition}:iam::{owner}:role/{serve_role}",
    )
