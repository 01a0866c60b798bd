"""Resources that AWS still has of an environment, found without a terraform state.

They are found by the names and tags that the stack gives them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.ecs_services import EcsServices

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef
    from mypy_boto3_ecs.client import ECSClient


class AwsOrphanFinder:
    """The port `OrphanFinder`.

    It does not look for log groups, Cloud Map services, access points and task definitions.
    """

    def __init__(self, ecs: "ECSClient", ec2: "EC2Client") -> None:
        self._ecs, self._ec2 = ecs, ec2

    def find(self, environment: str) -> Sequence[str]:
        """Return kind and name of each resource. Raises `Denied` or `BackendError`."""
        with aws_errors(f"find what is left of {environment}"):
            return [*self._cluster(environment), *sorted(self._groups(environment))]

    def _cluster(self, environment: str) -> Iterator[str]:
        # ECS still describes a deleted cluster for a while, as INACTIVE.
        found = self._ecs.describe_clusters(clusters=[environment])["clusters"]
        if any(c.get("status") != "INACTIVE" for c in found):
            yield f"cluster {environment}"
            yield from (
                f"service {s.component}" for s in EcsServices(self._ecs).describe(environment)
            )

    def _groups(self, environment: str) -> Iterator[str]:
        tags: Sequence[FilterTypeDef] = [
            {"Name": "tag:env", "Values": [environment]},
            {"Name": "tag:managed", "Values": ["gromit"]},
        ]
        for page in self._ec2.get_paginator("describe_security_groups").paginate(Filters=tags):
            yield from (f"security group {g['GroupId']}" for g in page["SecurityGroups"])
