"""Patches of ECS tasks and their interfaces."""

import ipaddress
from typing import Any

from tests.local.aws.moto_patches.conftest import Both, Cloud, outcome


def test_a_task_needs_no_security_group(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        network = {"awsvpcConfiguration": {"subnets": [cloud.subnet()]}}
        try:
            cloud.task(networkConfiguration=network)
            cloud.service(networkConfiguration=network)
        except KeyError as error:
            return repr(error)
        return "done"

    assert both(look) == ("KeyError('securityGroups')", "done")


def test_a_container_needs_no_memory_limit_of_its_own(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        definition = cloud.ecs.register_task_definition(
            family="plain",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "plain", "image": "app:1"}],
        )["taskDefinition"]["taskDefinitionArn"]
        try:
            cloud.task(taskDefinition=definition)
        except TypeError:
            return "TypeError"
        return "done"

    assert both(look) == ("TypeError", "done")


def test_a_task_is_not_aged_by_being_described(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        task = cloud.task()["taskArn"]
        seen = [
            cloud.ecs.describe_tasks(cluster="app-test", tasks=[task])["tasks"][0]["lastStatus"]
            for _ in range(6)
        ]
        return sorted(set(seen))

    stock, patched = both(look)
    assert "STOPPED" in stock
    assert patched == ["RUNNING"]


def test_a_task_has_an_address_of_its_subnet_and_a_public_one_if_asked_for(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        subnet = cloud.subnet()
        rows = []
        for public in (True, False):
            task = cloud.task(networkConfiguration=cloud.network(subnet, public=public))
            interface = cloud.interface(task)
            address = interface["PrivateIpAddress"]
            inside = ipaddress.ip_address(address) in ipaddress.ip_network("127.44.0.0/20")
            shown = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}[
                "privateIPv4Address"
            ] == address
            rows.append(
                (
                    inside,
                    shown,
                    bool(interface.get("Association", {}).get("PublicIp")),
                    interface["RequesterManaged"],
                )
            )
        return rows

    stock, patched = both(look)
    assert stock == [[False, True, False, False], [False, True, False, False]]
    assert patched == [[True, True, True, True], [True, True, False, True]]


def test_addresses_do_not_come_back_at_once(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        network, seen = cloud.network(cloud.subnet()), []
        for _ in range(3):
            task = cloud.task(networkConfiguration=network)
            seen.append(cloud.interface(task)["PrivateIpAddress"])
            cloud.ecs.stop_task(cluster="app-test", task=task["taskArn"])
        return seen

    assert both(look)[1] == ["127.44.0.4", "127.44.0.5", "127.44.0.6"]


def test_interfaces_carry_the_managed_tags(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        network = cloud.network(cloud.subnet())
        cloud.service(
            networkConfiguration=network, enableECSManagedTags=True, propagateTags="SERVICE"
        )
        cloud.service(networkConfiguration=network, name="plain")
        tasks = [
            cloud.task(networkConfiguration=network, group="service:tyk"),
            cloud.task(networkConfiguration=network, group="service:plain"),
            cloud.task(networkConfiguration=network, enableECSManagedTags=True),
        ]
        return [{t["Key"]: t["Value"] for t in cloud.interface(task)["TagSet"]} for task in tasks]

    stock, patched = both(look)
    assert stock == [{}, {}, {}]
    cluster = {"aws:ecs:clusterName": "app-test"}
    assert patched == [{**cluster, "aws:ecs:serviceName": "tyk"}, {}, cluster]


def test_a_stopped_task_says_why_and_has_no_interface(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        task = cloud.task()
        cloud.ecs.stop_task(cluster="app-test", task=task["taskArn"], reason="enough")
        found = cloud.ecs.describe_tasks(cluster="app-test", tasks=[task["taskArn"]])["tasks"][0]
        kept = outcome(cloud.interface, task=task)
        return (
            found["lastStatus"],
            found["stoppedReason"],
            found.get("stopCode"),
            "stoppedAt" in found,
            kept,
        )

    stock, patched = both(look)
    assert stock == ["STOPPED", "enough", None, False, "done"]
    assert patched == [
        "STOPPED",
        "enough",
        "UserInitiated",
        True,
        "InvalidNetworkInterfaceID.NotFound",
    ]
