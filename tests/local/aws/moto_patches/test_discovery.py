"""Patches of Cloud Map."""

from typing import Any

import boto3

from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud, outcome


def _namespace(cloud: Cloud) -> str:
    cloud.subnet()
    vpc = cloud.ec2.describe_vpcs()["Vpcs"][-1]["VpcId"]
    cloud.discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
    namespace: str = cloud.discovery.list_namespaces()["Namespaces"][0]["Id"]
    return namespace


def test_a_service_with_instances_stays(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        service = cloud.discovery.create_service(
            Name="redis.app-test", NamespaceId=_namespace(cloud)
        )["Service"]["Id"]
        cloud.discovery.register_instance(
            ServiceId=service, InstanceId="one", Attributes={"AWS_INSTANCE_IPV4": "127.44.0.4"}
        )
        used = outcome(cloud.discovery.delete_service, Id=service)
        outcome(cloud.discovery.deregister_instance, ServiceId=service, InstanceId="one")
        return (
            used,
            outcome(cloud.discovery.delete_service, Id=service),
            outcome(cloud.discovery.delete_service, Id=service),
        )

    stock, patched = both(look)
    assert stock == ["done", "done", "done"]
    assert patched == ["ResourceInUse", "done", "ServiceNotFound"]


def test_a_namespace_is_known_from_the_dns_config_too(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        namespace = _namespace(cloud)
        config = {"NamespaceId": namespace, "DnsRecords": [{"Type": "A", "TTL": 10}]}
        service = cloud.discovery.create_service(Name="redis.app-test", DnsConfig=config)["Service"]
        return service.get("NamespaceId") == namespace

    assert both(look) == (False, True)


def test_a_name_is_used_once_in_a_namespace(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        namespace = _namespace(cloud)
        cloud.discovery.create_service(Name="redis.app-test", NamespaceId=namespace)
        return outcome(cloud.discovery.create_service, Name="redis.app-test", NamespaceId=namespace)

    assert both(look) == ("done", "ServiceAlreadyExists")


def test_the_zone_of_a_namespace_goes_with_it(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        route53: Any = boto3.client("route53", REGION)
        namespace = _namespace(cloud)
        made = len(route53.list_hosted_zones()["HostedZones"])
        cloud.discovery.delete_namespace(Id=namespace)
        return made, len(route53.list_hosted_zones()["HostedZones"])

    assert both(look) == ([1, 1], [1, 0])


def test_services_are_listed_by_namespace(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        namespace = _namespace(cloud)
        for service, place in (("redis.one", namespace), ("redis.two", "ns-other")):
            cloud.discovery.create_service(Name=service, NamespaceId=place)
        pages = [
            cloud.discovery.list_services(
                Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace]}]
            ),
            cloud.discovery.list_services(),
        ]
        return [[service["Name"] for service in page["Services"]] for page in pages]

    stock, patched = both(look)
    assert stock == [["redis.one", "redis.two"]] * 2
    assert patched == [["redis.one"], ["redis.one", "redis.two"]]
