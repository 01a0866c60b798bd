"""ECS tasks and their network interfaces, as Fargate creates them."""

import ipaddress
from collections.abc import Callable, Container
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.subnets import Subnet
from moto.ec2.utils import generate_dns_from_ip, random_public_ip
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import Service, Task
from moto.ecs.responses import EC2ContainerServiceResponse as Response
from moto.moto_api import state_manager

from gromit.local.aws.moto_patches.patches import Patches

_NEVER = {"progression": "manual", "times": 10**9}
_FIRST_USABLE = 4
"""AWS reserves the first four addresses of a subnet, and the last one."""


def accept_tasks_without_groups(patches: Patches) -> None:
    """AWS runs tasks without security groups, and containers without a memory limit.

    Such a task uses the VPC's default security group.
    """

    def requirements(stock: Callable[..., Any], definition: Any) -> Any:
        limited = [{"memory": 0, **c} for c in definition.container_definitions]
        return stock(type("Sized", (), {"container_definitions": limited})())

    def start(stock: Callable[..., Any], task: Any, *args: Any, **kwargs: Any) -> None:
        network = (kwargs.get("networking_configuration") or {}).get("awsvpcConfiguration")
        if network is not None:
            network.setdefault("securityGroups", [])
        stock(task, *args, **kwargs)

    def validate(stock: Callable[..., Any], service: Any, configuration: dict[str, Any]) -> Any:
        configuration["awsvpcConfiguration"].setdefault("securityGroups", [])
        return stock(service, configuration)

    patches.replace(Backend, "_calculate_task_resource_requirements", requirements)
    patches.replace(Task, "__init__", start)
    patches.replace(Service, "_validate_network", validate)


def do_not_age_tasks(patches: Patches) -> None:
    """AWS does not advance the state of a task because a client describes it."""

    def transition(stock: Callable[..., Any], manager: Any, model_name: str) -> Any:
        return _NEVER if model_name == "ecs::task" else stock(manager, model_name)

    patches.replace(type(state_manager), "get_transition", transition)


def assign_task_addresses(patches: Patches) -> None:
    """AWS gives a task's interface an address of its subnet, and a public one if requested.

    `assignPublicIp: ENABLED` requests it. AWS also returns the creation time of a task, and no exit
    code for a container that has not ended.
    """

    def start(stock: Callable[..., Any], task: Any, *args: Any, **kwargs: Any) -> None:
        stock(task, *args, **kwargs)
        task.created_at = task.started_at = utcnow()
        for container in task.containers:
            container.exitCode = None
        for interface in interfaces(task):
            _give_address(interface, next_free_address(interface.subnet))
            interface.requester_managed, interface.delete_on_termination = True, True
            attachment = task.attachments[0]
            interface.description = (
                f"{task.cluster_arn.rsplit(':', 1)[0]}:attachment/{attachment['id']}"
            )
            if task.network_configuration["awsvpcConfiguration"].get("assignPublicIp") == "ENABLED":
                interface.public_ip = random_public_ip()
            shown = {
                "privateDnsName": interface.private_dns_name,
                "privateIPv4Address": interface.private_ip_address,
            }
            for detail in attachment["details"]:
                detail["value"] = shown.get(detail["name"], detail["value"])

    patches.replace(Task, "__init__", start)


def tag_interfaces(patches: Patches) -> None:
    """AWS tags the interfaces of tasks with managed tags.

    These are `aws:ecs:clusterName` and, for a task of a service, `aws:ecs:serviceName`.
    """

    def run_task(stock: Callable[..., Any], response: Any) -> Any:
        result = stock(response)
        if response._get_param("enableECSManagedTags"):
            for task in result.result["tasks"]:
                _tag(task, {"aws:ecs:clusterName": task.cluster_name})
        return result

    def start(stock: Callable[..., Any], task: Any, *args: Any, **kwargs: Any) -> None:
        stock(task, *args, **kwargs)
        service = task._backend.services.get(
            f"{task.cluster_name}:{task.group.removeprefix('service:')}"
        )
        if task.group.startswith("service:") and getattr(service, "enable_ecs_managed_tags", False):
            _tag(
                task,
                {"aws:ecs:clusterName": task.cluster_name, "aws:ecs:serviceName": service.name},
            )

    patches.replace(Response, "run_task", run_task)
    patches.replace(Task, "__init__", start)


def remove_stopped_interfaces(patches: Patches) -> None:
    """AWS removes the interface of a stopped task, and returns when and why the task stopped."""

    def stop_task(
        stock: Callable[..., Any], backend: Any, cluster_str: str, task_str: str, reason: str
    ) -> Any:
        task = stock(backend, cluster_str, task_str, reason)
        mark_stopped(task, reason or "Task stopped by user", "UserInitiated")
        return task

    patches.replace(Backend, "stop_task", stop_task)


def interfaces(task: Task) -> list[NetworkInterface]:
    """Return the network interfaces that a task has now."""
    details = [detail for attachment in task.attachments for detail in attachment["details"]]
    ids = [detail["value"] for detail in details if detail["name"] == "networkInterfaceId"]
    enis = ec2_backends[task._account_id][task.region_name].enis
    return [enis[i] for i in ids if i in enis]


def mark_stopped(task: Task, reason: str, code: str) -> None:
    """Mark a task as STOPPED, with AWS's reason and stop code, and remove its interface."""
    task.last_status = task.desired_status = "STOPPED"
    task.stopped_reason, task.stop_code, task.stopped_at = reason, code, utcnow()
    for container in task.containers:
        container.last_status = "STOPPED"
    for interface in interfaces(task):
        del interface.ec2_backend.enis[interface.id]
        interface.ec2_backend.tags.pop(interface.id, None)


def next_free_address(subnet: Subnet) -> str:
    """Return the next free address of a subnet.

    An address is used again only after all others, so that clients with old DNS answers do not
    reach another task. Raises `OverflowError` if no address is free.
    """
    taken = {
        eni.private_ip_address
        for eni in subnet.ec2_backend.enis.values()
        if eni.subnet.id == subnet.id
    }
    subnet.last_given = next_address(
        ipaddress.IPv4Network(subnet.cidr_block), taken, getattr(subnet, "last_given", None)
    )
    return str(subnet.last_given)


def next_address(
    network: ipaddress.IPv4Network, taken: Container[str], last: str | None = None
) -> str:
    """Return the first address after `last` that is not taken, wrapping around.

    AWS reserves the first four addresses and the last one. Raises `OverflowError` if all are taken.
    """
    usable = network.num_addresses - _FIRST_USABLE - 1
    start = -1
    if last:
        start = int(ipaddress.IPv4Address(last)) - int(network.network_address) - _FIRST_USABLE
    for step in range(1, usable + 1):
        address = str(network[(start + step) % usable + _FIRST_USABLE])
        if address not in taken:
            return address
    raise OverflowError(f"{network} has no free address")


def _give_address(interface: NetworkInterface, address: str) -> None:
    interface.private_ip_address = address
    interface.private_dns_name = generate_dns_from_ip(address)
    interface.private_ip_addresses[:] = [
        {"Primary": True, "PrivateIpAddress": address, "PrivateDnsName": interface.private_dns_name}
    ]


def _tag(task: Task, tags: dict[str, str]) -> None:
    for interface in interfaces(task):
        interface.ec2_backend.create_tags([interface.id], tags)
