"""What there is in the emulated account, for looking whether a root leaves anything behind."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.platform.emulator import Emulator


def everything(emulator: Emulator) -> set[str]:
    """Kind and name of each thing that the roots make. A secret counts while it waits for its deletion, too, as on AWS."""
    return {
        f"{service} {name}"
        for service, listing in _LISTINGS.items()
        for client in [emulator.client(service)]
        for name in listing(client)
    }


def _iam(iam: Any) -> Iterator[str]:
    yield from (user["Arn"] for user in iam.list_users()["Users"])
    yield from (role["Arn"] for role in iam.list_roles()["Roles"])
    yield from (policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"])
    yield from (profile["Arn"] for profile in iam.list_instance_profiles()["InstanceProfiles"])
    yield from (provider["Arn"] for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"])


def _efs(efs: Any) -> Iterator[str]:
    yield from (volume["FileSystemId"] for volume in efs.describe_file_systems()["FileSystems"])
    yield from (point["AccessPointId"] for point in efs.describe_access_points()["AccessPoints"])


_LISTINGS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "ecr": lambda ecr: (found["repositoryArn"] for found in ecr.describe_repositories()["repositories"]),
    "efs": _efs,
    "iam": _iam,
    "s3": lambda s3: (found["Name"] for found in s3.list_buckets()["Buckets"]),
    "secretsmanager": lambda sm: (found["Name"] for found in sm.list_secrets(IncludePlannedDeletion=True)["SecretList"]),
    "ssm": lambda ssm: (found["Name"] for found in ssm.describe_parameters()["Parameters"]),
}
