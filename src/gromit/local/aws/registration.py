"""Registration of ECS tasks in Cloud Map: the names that their private addresses have."""

from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class _Place:
    """Account and region of a Cloud Map service, its id, and a task."""

    account: str
    region: str
    service: str
    task: str


@dataclass(slots=True)
class Departures:
    """Deregistration of tasks. ECS deregisters a task some time after it has stopped."""

    delay_s: float
    _due: dict[_Place, float] = field(default_factory=dict)

    def deregister(self, service: Service, task: Task, now_s: float) -> None:
        """Deregister the task's address after the delay, counted from the first call."""
        for name in _registries(service):
            place = _Place(task._account_id, task.region_name, name, task.id)
            self._due.setdefault(place, now_s + self.delay_s)
        self.settle(now_s)

    def settle(self, now_s: float) -> float | None:
        """Deregister what is due; return the seconds until the next; None if there is none."""
        for place in [place for place, due_s in self._due.items() if due_s <= now_s]:
            del self._due[place]
            _deregister(place)
        return min((due_s - now_s for due_s in self._due.values()), default=None)


def _deregister(place: _Place) -> None:
    discovery = servicediscovery_backends[place.account][place.region]
    known = discovery.services.get(place.service)
    if known and any(i.instance_id == place.task for i in known.instances):
        discovery.deregister_instance(place.service, place.task)


def _registries(service: Service) -> list[str]:
    return [r["registryArn"].rsplit("/", 1)[-1] for r in service.service_registries]
