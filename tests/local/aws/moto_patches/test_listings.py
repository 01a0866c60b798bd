"""Patches of ECS listings."""

from typing import Any

from tests.local.aws.moto_patches.conftest import Both, Cloud, outcome


def _tail(arns: list[str]) -> list[str]:
    return sorted(arn.rsplit("/", 1)[-1] for arn in arns)


def test_inactive_clusters_are_not_listed(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        for name in ("here", "gone"):
            cloud.ecs.create_cluster(clusterName=name)
        cloud.ecs.delete_cluster(cluster="gone")
        return _tail(cloud.ecs.list_clusters()["clusterArns"])

    assert both(look) == (["gone", "here"], ["here"])


def test_clusters_come_in_pages_of_at_most_100(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        for number in range(130):
            cloud.ecs.create_cluster(clusterName=f"c{number}")
        pages = [
            len(page["clusterArns"]) for page in cloud.ecs.get_paginator("list_clusters").paginate()
        ]
        return pages, outcome(cloud.ecs.list_clusters, maxResults=101)

    stock, patched = both(look)
    assert stock == [[130], "done"]
    assert patched == [[100, 30], "InvalidParameterException"]


def test_services_are_listed_for_exactly_the_cluster_ten_a_page(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        for cluster in ("test", "app-test"):
            cloud.ecs.create_cluster(clusterName=cluster)
        network = cloud.network(cloud.subnet())
        for number in range(12):
            cloud.service(cluster="test", name=f"s{number}", networkConfiguration=network)
        cloud.service(cluster="app-test", name="other", networkConfiguration=network)
        cloud.ecs.delete_service(cluster="test", service="s11", force=True)
        pages = cloud.ecs.get_paginator("list_services").paginate(cluster="test")
        return [len(page["serviceArns"]) for page in pages]

    assert both(look) == ([13], [10, 1])


def test_tasks_are_listed_for_exactly_the_cluster_and_service(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        for cluster in ("test", "app-test"):
            cloud.ecs.create_cluster(clusterName=cluster)
        network = cloud.network(cloud.subnet())
        cloud.service(cluster="test", networkConfiguration=network)
        cloud.task(cluster="test", group="service:tyk", networkConfiguration=network)
        cloud.task(cluster="test", group="family:app", networkConfiguration=network)
        cloud.task(cluster="app-test", group="service:tyk", networkConfiguration=network)
        in_cluster = cloud.ecs.list_tasks(cluster="test")["taskArns"]
        of_service = cloud.ecs.list_tasks(cluster="test", serviceName="tyk")["taskArns"]
        return len(in_cluster), len(of_service)

    assert both(look) == ([3, 3], [2, 1])


def test_stopped_tasks_are_listed_when_asked_for(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        task = cloud.task()["taskArn"]
        cloud.ecs.stop_task(cluster="app-test", task=task)
        running = cloud.ecs.list_tasks(cluster="app-test")["taskArns"]
        stopped = cloud.ecs.list_tasks(cluster="app-test", desiredStatus="STOPPED")["taskArns"]
        return len(running), len(stopped)

    assert both(look) == ([1, 1], [0, 1])


def test_families_are_listed_by_the_status_of_their_definitions(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        for family in ("app--tyk", "app--redis", "other--tyk"):
            cloud.ecs.register_task_definition(
                family=family, containerDefinitions=[{"name": "one", "image": "x", "memory": 8}]
            )
        cloud.ecs.deregister_task_definition(taskDefinition="app--redis:1")
        return [
            cloud.ecs.list_task_definition_families(familyPrefix="app--", **status)["families"]
            for status in ({"status": "ACTIVE"}, {"status": "INACTIVE"}, {})
        ]

    both_of_app = ["app--tyk", "app--redis"]
    assert both(look) == ([both_of_app] * 3, [["app--tyk"], ["app--redis"], both_of_app])


def test_tasks_come_in_pages(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        network = cloud.network(cloud.subnet())
        for _ in range(3):
            cloud.task(networkConfiguration=network)
        pages = cloud.ecs.get_paginator("list_tasks").paginate(
            cluster="app-test", PaginationConfig={"PageSize": 2}
        )
        return [len(page["taskArns"]) for page in pages]

    assert both(look) == ([3], [2, 1])


def test_tasks_that_are_not_there_are_named(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        for cluster in ("app-test", "other"):
            cloud.ecs.create_cluster(clusterName=cluster)
        task, missing = cloud.task()["taskArn"], "0" * 32
        found = cloud.ecs.describe_tasks(cluster="app-test", tasks=[task, missing])
        elsewhere = cloud.ecs.describe_tasks(cluster="other", tasks=[task])
        reasons = [f["reason"] for f in found["failures"]]
        return len(found["tasks"]), reasons, len(elsewhere["tasks"])

    assert both(look) == ([1, [], 1], [1, ["MISSING"], 0])


def test_more_than_100_tasks_are_not_described_at_once(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        return outcome(
            cloud.ecs.describe_tasks, cluster="app-test", tasks=[f"{n:032}" for n in range(101)]
        )

    assert both(look) == ("done", "InvalidParameterException")
