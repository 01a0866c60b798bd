"""Patches of ECS services and clusters."""

from typing import Any

import pytest

from tests.local.aws.moto_patches.conftest import Both, Cloud, outcome


def test_create_service_keeps_its_flags(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service(
            enableECSManagedTags=True,
            propagateTags="SERVICE",
            availabilityZoneRebalancing="DISABLED",
        )
        service = cloud.ecs.describe_services(cluster="app-test", services=["tyk"])["services"][0]
        return service.get("enableECSManagedTags"), service.get("availabilityZoneRebalancing")

    stock, patched = both(look)
    assert stock == [None, None]
    assert patched == [True, "DISABLED"]


def test_a_service_has_the_grace_that_it_was_made_with_until_another_is_given(
    both: Both[Any],
) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        made = cloud.service(healthCheckGracePeriodSeconds=60), cloud.service(name="worker")
        cloud.ecs.update_service(
            cluster="app-test", service="tyk", healthCheckGracePeriodSeconds=90
        )
        later = cloud.ecs.describe_services(cluster="app-test", services=["tyk"])["services"]
        return [service.get("healthCheckGracePeriodSeconds") for service in (*made, *later)]

    assert both(look) == ([None, None, 90], [60, None, 90])


def test_availability_zones_are_rebalanced_by_default(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        return cloud.service().get("availabilityZoneRebalancing")

    assert both(look) == (None, "ENABLED")


@pytest.mark.parametrize("force", [False, True])
def test_a_new_task_definition_or_force_starts_a_deployment(both: Both[Any], force: bool) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        first = cloud.service()["taskDefinition"]
        wanted = first if force else cloud.definition()
        service = cloud.ecs.update_service(
            cluster="app-test",
            service="tyk",
            taskDefinition=wanted.rsplit("/", 1)[-1],
            forceNewDeployment=force,
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": False}
            },
        )["service"]
        assert service["taskDefinition"].endswith(wanted.rsplit("/", 1)[-1])
        rows = [
            (d["status"], d["rolloutState"], d["taskDefinition"] == wanted)
            for d in service["deployments"]
        ]
        return [service["taskDefinition"] == wanted, *rows]

    stock, patched = both(look)
    assert stock == [False, ["PRIMARY", "IN_PROGRESS", force]]
    assert patched == [True, ["PRIMARY", "IN_PROGRESS", True], ["ACTIVE", "IN_PROGRESS", force]]


def test_an_update_that_changes_nothing_starts_no_deployment(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        service = cloud.service()
        again = cloud.ecs.update_service(
            cluster="app-test", service="tyk", taskDefinition=service["taskDefinition"]
        )["service"]
        return [d["id"] for d in again["deployments"]] == [d["id"] for d in service["deployments"]]

    assert both(look) == (True, True)


def test_a_changed_count_claims_no_running_tasks(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service()
        service = cloud.ecs.update_service(cluster="app-test", service="tyk", desiredCount=3)[
            "service"
        ]
        return (
            service["runningCount"],
            service["pendingCount"],
            service["deployments"][0]["desiredCount"],
        )

    stock, patched = both(look)
    assert stock == [3, 0, 1]
    assert patched == [0, 3, 3]


def test_a_service_name_is_used_once(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service()
        return outcome(cloud.service)

    assert both(look) == ("done", "InvalidParameterException")


def test_a_draining_service_cannot_be_created_again(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service()
        cloud.task(group="service:tyk")
        cloud.ecs.delete_service(cluster="app-test", service="tyk", force=True)
        return outcome(cloud.service)

    assert both(look) == ("done", "InvalidParameterException")


def test_creating_a_cluster_again_gives_the_one_that_is_there(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test", tags=[{"key": "env", "value": "app-test"}])
        cloud.ecs.create_cluster(clusterName="app-test")
        found = cloud.ecs.describe_clusters(clusters=["app-test"], include=["TAGS"])["clusters"][0]
        return found.get("tags", [])

    assert both(look) == ([], [{"key": "env", "value": "app-test"}])


def test_a_deleted_service_drains_while_tasks_run(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service()
        cloud.task(group="service:tyk")
        service = cloud.ecs.delete_service(cluster="app-test", service="tyk", force=True)["service"]
        return service["status"], service["desiredCount"]

    assert both(look) == (["INACTIVE", 1], ["DRAINING", 0])


def test_a_deleted_service_without_tasks_is_inactive_at_once(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service()
        return cloud.ecs.delete_service(cluster="app-test", service="tyk", force=True)["service"][
            "status"
        ]

    assert both(look) == ("INACTIVE", "INACTIVE")


def test_a_cluster_with_services_or_tasks_is_not_deleted(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        for name in ("served", "busy", "idle"):
            cloud.ecs.create_cluster(clusterName=name)
        cloud.service(cluster="served")
        cloud.task(cluster="busy")
        return [
            outcome(cloud.ecs.delete_cluster, cluster=name) for name in ("served", "busy", "idle")
        ]

    stock, patched = both(look)
    assert stock == ["done", "done", "done"]
    assert patched == ["ClusterContainsServicesException", "ClusterContainsTasksException", "done"]


def test_a_cluster_counts_what_it_holds(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service()
        cloud.task()
        found = cloud.ecs.describe_clusters(clusters=["app-test"])["clusters"][0]
        return found["activeServicesCount"], found["runningTasksCount"], found["pendingTasksCount"]

    assert both(look) == ([0, 0, 1], [1, 1, 0])
