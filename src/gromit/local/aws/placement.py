"""Placement of an ECS task on this machine: image, config folder, port and addresses.

If a task cannot start, the reason is AWS's text.
"""

import ipaddress
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ecs.models import Task, TaskDefinition
from moto.efs.models import efs_backends

from gromit.local.aws.container_variables import SecretUnavailable, container_variables
from gromit.local.aws.containers import ContainerSpec, run_program
from gromit.local.aws.failures import ImageFailure
from gromit.local.aws.images import ImageNotFound, image_failure, pinned_reference
from gromit.local.aws.moto_patches.tasks import interfaces, next_address
from gromit.local.aws.programs import ProgramFolder, RealProgram


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine and network that tasks run on."""

    account: str
    region: str
    config_root: Path | None
    """Folder that is the root of every EFS file system; without it, tasks with a mount fail."""
    public: ipaddress.IPv4Network
    """Range of public addresses."""
    dns_port: int | None = None
    """Port of the DNS server on 127.0.0.1 that containers ask; None if there is none."""
    programs: Mapping[str, RealProgram] = field(default_factory=dict)
    """Real programs by the names of the components that they run for."""
    program_folder: ProgramFolder | None = None
    """Folder that the programs share; without it, components run as simulated ones."""
    simulated: Mapping[str, str] = field(default_factory=dict)
    """Component to the name of its program, which is simulated unless a real one runs."""
    retry_s: float = 1.0
    """Seconds between two tries of a program to reach a peer."""
    patience_s: float = 10.0
    """Seconds for which a program waits for a peer that it needs."""
    departure_s: float = 0.0
    """Seconds for which Cloud Map still shows a task that has stopped."""


class TaskCannotStart(Exception):
    """A task cannot start; the message is the `stoppedReason`."""


def plan_container(
    task: Task,
    definition: TaskDefinition,
    host: Host,
    pins: MutableMapping[str, str],
    *,
    pulled: bool = False,
) -> ContainerSpec:
    """Return the container process of a task.

    `pins` has the images of its deployment by digest: ECS resolves a tag for the first task of a
    deployment, and starts all others from the same image. If it is `pulled`, the task has run
    before, and no longer needs its image in the registry. Raises `TaskCannotStart` if the image, a
    secret or the config folder is missing.
    """
    container = definition.container_definitions[0]
    failure = _failure(container, pins, pulled=pulled)
    interface = next(iter(interfaces(task)), None)
    private = interface.private_ip_address if interface else None
    public = interface.public_ip if interface else None
    mappings = container.get("portMappings") or []
    answer = {
        "component": container["name"],
        "environment": task.cluster_name,
        "version": _version(container),
        "image": pins.get(container["image"], container["image"]),
        "task": task.id,
        "task_definition": f"{definition.family}:{definition.revision}",
        **({"public_address": public} if public else {}),
        **({"address": private} if private else {}),
    }
    spec = ContainerSpec(
        answer=answer,
        addresses=tuple(a for a in (private, public) if a),
        port=mappings[0]["containerPort"] if mappings else None,
        config=_config_folder(container, definition, host),
        config_path=_config_path(container),
        command=(*(container.get("entryPoint") or []), *(container.get("command") or [])),
        variables=_variables(container, host),
        dns_port=host.dns_port,
        simulated=None if _is_hook(container) else host.simulated.get(container["name"]),
        retry_s=host.retry_s,
        patience_s=host.patience_s,
        failure=failure,
        once=_end(container),
    )
    return _with_program(spec, container["name"], host)


def _with_program(spec: ContainerSpec, component: str, host: Host) -> ContainerSpec:
    """Return a spec with the real program of its component, if there is one.

    Hooks have none, nor have images that rehearse a failure.
    """
    program, folder = host.programs.get(component), host.program_folder
    if program is None or folder is None or spec.once is not None or spec.failure is not None:
        return spec
    return run_program(spec, program, folder)


def _failure(
    container: dict[str, Any], pins: MutableMapping[str, str], *, pulled: bool
) -> ImageFailure | None:
    """Pin a container's image, and return the failure that it rehearses; hooks have none."""
    image = container["image"]
    try:
        pins[image] = pins.get(image) or pinned_reference(image)
        failure = image_failure(pins[image])
    except ImageNotFound as error:
        if pulled:
            return None
        raise TaskCannotStart(str(error)) from error
    return None if _is_hook(container) else failure


def _variables(container: dict[str, Any], host: Host) -> dict[str, str]:
    try:
        return container_variables(container, host.account, host.region)
    except SecretUnavailable as error:
        step = "unable to pull secrets or registry auth: execution resource retrieval failed"
        raise TaskCannotStart(f"ResourceInitializationError: {step}: {error}") from error


def _config_path(container: dict[str, Any]) -> str | None:
    """Return the path in the container at which it sees its config folder."""
    mounts = container.get("mountPoints") or []
    return mounts[0]["containerPath"] if mounts else None


def _end(container: dict[str, Any]) -> tuple[float, int] | None:
    """Return seconds and exit code of a container that ends by itself; None for a service's.

    The local cloud has no images. Tasks of hooks have a label, and their command decides: `false`
    fails, `sleep N` takes its time, and everything else succeeds at once.
    """
    if not _is_hook(container):
        return None
    words = [*(container.get("entryPoint") or []), *(container.get("command") or [])]
    match words:
        case ["false", *_]:
            return 0.0, 1
        case ["sleep", seconds, *_] if seconds.isdecimal():
            return float(seconds), 0
        case _:
            return 0.0, 0


def _is_hook(container: dict[str, Any]) -> bool:
    return "gromit.hook" in (container.get("dockerLabels") or {})


def give_public_address(task: Task, host: Host, in_use: Collection[str] = ()) -> None:
    """Replace the public address of a task by one of this machine, unless it has one already.

    AWS gives an address that is free again to the next customer who asks. So the lowest free
    address is next, and a record of a stopped task soon leads to another task. `in_use` are
    addresses of containers that have not exited yet.
    """
    enis = ec2_backends[host.account][host.region].enis
    for interface in interfaces(task):
        if interface.public_ip and ipaddress.ip_address(interface.public_ip) not in host.public:
            taken = {*in_use, *(eni.public_ip for eni in enis.values())}
            interface.public_ip = next_address(host.public, taken)


def _version(container: Mapping[str, Any]) -> str:
    """Return the version that an image would have compiled in; here its label has it."""
    label: str | None = (container.get("dockerLabels") or {}).get("gromit.version")
    if label:
        return label
    name = str(container["image"]).rsplit("/", 1)[-1]
    return name.partition("@")[2] or name.partition(":")[2] or "latest"


def _config_folder(container: dict[str, Any], definition: TaskDefinition, host: Host) -> str | None:
    """Return the folder of a container's first mounted EFS volume; None if it mounts none."""
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
        found = efs_backends[host.account][host.region].access_points.get(access_point)
        if found is None:
            raise TaskCannotStart(_mount_error(f"access point {access_point} does not exist"))
        path = found.root_directory["Path"]
    folder = None if host.config_root is None else host.config_root / path.lstrip("/")
    if folder is None or not folder.is_dir():
        reason = "reason given by server: No such file or directory"
        raise TaskCannotStart(_mount_error(f"mounting {path} failed, {reason}"))
    return str(folder)


def _mount_error(reason: str) -> str:
    step = "failed to invoke EFS utils commands to set up EFS volumes"
    return f"ResourceInitializationError: {step}: {reason}"
