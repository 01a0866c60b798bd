"""What a task of ECS becomes on this machine: image, config folder, port and addresses; or why it cannot start, in AWS's words."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ecr.models import ecr_backends
from moto.ecs.models import Task, TaskDefinition
from moto.efs.models import efs_backends

from gromit.local.aws.containers import ContainerSpec
from gromit.local.aws.moto_patches.tasks import interfaces, next_address

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^:@]+)(?P<rest>[:@].*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What tasks are placed on."""

    account: str
    region: str
    config_root: Path | None
    """The folder that stands for the root of every EFS file system; without one, tasks that mount one cannot start."""
    public: ipaddress.IPv4Network
    """Where public addresses come from."""


class TaskCannotStart(Exception):
    """A task cannot start; the message is the `stoppedReason`."""


def plan_container(task: Task, definition: TaskDefinition, ground: Host) -> ContainerSpec:
    """The container process of a task. Raises `TaskCannotStart` for a missing image or config folder."""
    container = definition.container_definitions[0]
    _check_image(container["image"])
    interface = next(iter(interfaces(task)), None)
    private = interface.private_ip_address if interface else None
    public = interface.public_ip if interface else None
    mappings = container.get("portMappings") or []
    says = {
        "component": container["name"],
        "environment": task.cluster_name,
        "version": _version(container["image"]),
        "image": container["image"],
        "task": task.id,
        "task_definition": f"{definition.family}:{definition.revision}",
        **({"public_address": public} if public else {}),
        **({"address": private} if private else {}),
    }
    return ContainerSpec(
        says=says,
        addresses=tuple(a for a in (private, public) if a),
        port=mappings[0]["containerPort"] if mappings else None,
        config=_config_folder(container, definition, ground),
    )


def give_public_address(task: Task, ground: Host) -> None:
    """Give a task that is to have a public address one of this machine; one that it has already, it keeps."""
    enis = ec2_backends[ground.account][ground.region].enis
    for interface in interfaces(task):
        if interface.public_ip and ipaddress.ip_address(interface.public_ip) not in ground.public:
            taken = {eni.public_ip for eni in enis.values()}
            vpc = interface.ec2_backend.get_vpc(interface.vpc_id)
            vpc.last_public = interface.public_ip = next_address(
                ground.public, taken, getattr(vpc, "last_public", None)
            )


def _check_image(image: str) -> None:
    """Images of our own registry must be in it; those of others are taken to exist."""
    match = _ECR.fullmatch(image)
    if match is None:
        return
    repository = ecr_backends[match["account"]][match["region"]].repositories.get(match["name"])
    rest = match["rest"] or ":latest"
    tag, digest = (None, rest[1:]) if rest.startswith("@") else (rest[1:], None)
    images = repository.images if repository else []
    if not any(tag in i.image_tags if tag else i.get_image_digest() == digest for i in images):
        tried = "pull image manifest has been retried 1 time(s)"
        raise TaskCannotStart(
            f"CannotPullContainerError: {tried}: failed to resolve ref {image}: {image}: not found"
        )


def _version(image: str) -> str:
    name = image.rsplit("/", 1)[-1]
    return name.partition("@")[2] or name.partition(":")[2] or "latest"


def _config_folder(
    container: dict[str, Any], definition: TaskDefinition, ground: Host
) -> str | None:
    """Where a container's first mounted EFS volume lies on this machine; None if it mounts none."""
    mounted = [m["sourceVolume"] for m in container.get("mountPoints") or []]
    volumes = [
        v["efsVolumeConfiguration"]
        for v in definition.volumes
        if v["name"] in mounted and "efsVolumeConfiguration" in v
    ]
    if not volumes:
        return None
    access_point = volumes[0].get("authorizationConfig", {}).get("accessPointId")
    path = volumes[0].get("rootDirectory", "/")
    if access_point:
        found = efs_backends[ground.account][ground.region].access_points.get(access_point)
        if found is None:
            raise TaskCannotStart(_unmountable(f"access point {access_point} does not exist"))
        path = found.root_directory["Path"]
    folder = None if ground.config_root is None else ground.config_root / path.lstrip("/")
    if folder is None or not folder.is_dir():
        raise TaskCannotStart(
            _unmountable(
                f"mounting {path} failed, reason given by server: No such file or directory"
            )
        )
    return str(folder)


def _unmountable(why: str) -> str:
    return f"ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: {why}"
