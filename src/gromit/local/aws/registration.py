"""Registration of ECS tasks in Cloud Map: the names that their private addresses have."""

from moto.ecs.models import Service, Task
from moto.servicediscovery.models import servicediscovery_backends

from gromit.local.aws.moto_patches.tasks import interfaces


def register(service: Service, task: Task) -> None:
    """Register the task's private address under the service's names in Cloud Map."""
    discovery = servicediscovery_backends[task._account_id][task.region_name]
    family = task.task_definition_arn.rsplit("/", 1)[-1].partition(":")[0]
    for interface in interfaces(task):
        attributes = {
            "AWS_INSTANCE_IPV4": interface.private_ip_address,
            "AWS_INIT_HEALTH_STATUS": "HEALTHY",
            "AVAILABILITY_ZONE": interface.availability_zone,
            "REGION": task.region_name,
            "ECS_CLUSTER_NAME": task.cluster_name,
            "ECS_SERVICE_NAME": service.name,
            "ECS_TASK_DEFINITION_FAMILY": family,
        }
        for name in _registries(service):
            known = discovery.services.get(name)
            if known and all(i.instance_id != task.id for i in known.instances):
                discovery.register_instance(name, task.id, task.id, attributes)


def deregister(service: Service, task: Task) -> None:
    """Deregister the task's address, if it is registered."""
    discovery = servicediscovery_backends[task._account_id][task.region_name]
    for name in _registries(service):
        known = discovery.services.get(name)
        if known and any(i.instance_id == task.id for i in known.instances):
            discovery.deregister_instance(name, task.id)


def _registries(service: Service) -> list[str]:
    return [r["registryArn"].rsplit("/", 1)[-1] for r in service.service_registries]
