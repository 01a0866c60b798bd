"""Clusters of environments in ECS, as shown to people."""

from collections.abc import Collection, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.environment_resources import read_mark
from gromit.core.names import is_environment_name
from gromit.core.stack.clusters import ClusterEvent, ClusterState

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import ClusterTypeDef

CLUSTERS_PER_CALL = 100
SERVICES_PER_CALL = 10


class EcsClusters:
    """The port `ClusterSource`."""

    def __init__(self, client: "ECSClient", installation: str = "") -> None:
        """`installation` is the name of this one; empty if it has none."""
        self._client = client
        self._installation = installation

    def all(self) -> Sequence[ClusterState]:
        """Make two calls for 100 clusters. Raises `BackendError`."""
        with aws_errors("list the clusters"):
            pages = self._client.get_paginator("list_clusters").paginate()
            names = [arn.rpartition("/")[2] for page in pages for arn in page["clusterArns"]]
        return self.clusters([name for name in names if is_environment_name(name)])

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        """Return active clusters only, sorted by name: one call for 100. Raises `BackendError`."""
        sorted_names, found = sorted(names), []
        with aws_errors("describe the clusters of environments"):
            for at in range(0, len(sorted_names), CLUSTERS_PER_CALL):
                found += self._client.describe_clusters(
                    clusters=sorted_names[at : at + CLUSTERS_PER_CALL], include=["TAGS"]
                )["clusters"]
        active = [c for c in found if c.get("status") == "ACTIVE"]
        return [self._state(c) for c in sorted(active, key=lambda c: c["clusterName"])]

    def _state(self, cluster: "ClusterTypeDef") -> ClusterState:
        name, mark = cluster["clusterName"], read_mark(cluster.get("tags", []))
        owner = mark.owner(self._installation)
        return ClusterState(
            name=name,
            services=cluster.get("activeServicesCount", 0),
            running=cluster.get("runningTasksCount", 0),
            pending=cluster.get("pendingTasksCount", 0),
            is_ours=mark.environment == name and not owner,
            owner=owner,
        )

    def events(self, cluster: str, services: Sequence[str], limit: int) -> Sequence[ClusterEvent]:
        """Return at most the 100 events that ECS keeps for each service. Raises `BackendError`."""
        found = []
        with aws_errors(f"read the events of cluster {cluster}"):
            for at in range(0, len(services), SERVICES_PER_CALL):
                response = self._client.describe_services(
                    cluster=cluster, services=services[at : at + SERVICES_PER_CALL]
                )
                for service in response["services"]:
                    found += [
                        (event["createdAt"], service["serviceName"], event["message"])
                        for event in service.get("events", [])
                    ]
        newest = sorted(found, reverse=True)[:limit]
        return [
            ClusterEvent(at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), name, text)
            for at, name, text in newest
        ]
