"""Inputs and outputs of the Terraform stack `stacks/devenv`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gromit.core.names import is_name_of
from gromit.core.stack.resources import ResourceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Ids that all environments share, from the SSM parameter `/gromit/platform`. No secrets."""

    vpc_id: str
    vpc_cidr: str
    public_subnets: tuple[str, ...]
    private_subnets: tuple[str, ...]
    namespace_id: str
    file_system_id: str
    execution_role_arn: str
    registry: str
    """Host of the container registry, `<account>.dkr.ecr.<region>.amazonaws.com`."""
    region: str
    mongo: str = ""
    """`host:port` of the Mongo server that environments share; empty without one."""
    installation: str = ""
    """Name of the installation, which its resources have as a tag; empty if it has none."""
    exec_role_arn: str = ""
    """Role of the tasks in which people may run programs; empty without one."""
    exec_components: tuple[str, ...] = ()
    """Components of which it lets people run programs in their tasks."""

    def lets_exec(self, component: str) -> bool:
        """Whether people may run programs in the tasks of a component that wants that."""
        return bool(self.exec_role_arn) and component in self.exec_components


def platform_roles(platform: Platform) -> tuple[str, ...]:
    """ARNs of the roles that a platform names."""
    roles = (platform.execution_role_arn, platform.exec_role_arn)
    return tuple(role for role in roles if role)


def placeholder_platform(region: str) -> Platform:
    """Return a platform with which Terraform can destroy an environment when the real one is lost.

    A destroy takes all ids from the state, and only the region from the platform.
    """
    return Platform(
        vpc_id="vpc-lost",
        vpc_cidr="10.0.0.0/16",
        public_subnets=("subnet-lost",),
        private_subnets=("subnet-lost",),
        namespace_id="ns-lost",
        file_system_id="fs-lost",
        execution_role_arn="arn:aws:iam::000000000000:role/lost",
        registry=f"000000000000.dkr.ecr.{region}.amazonaws.com",
        region=region,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSettings:
    """Settings of a component that the catalogue gives and its container gets unchanged.

    A new one also needs a key in `adapters/catalogue/entry.py` and its place in the stack.
    """

    port: int | None = None
    """TCP port that the component listens on; without one it has no URL."""
    public: bool = False
    """Whether it is reachable from the internet, on its port, by a public name."""
    command: tuple[str, ...] = ()
    config_path: str | None = None
    """Read-only path of its config folder in the container."""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variable to the ARN of its secret in Secrets Manager or SSM, or a named secret's name."""
    cpu: int = 256
    """CPU units, 1024 to a core (Fargate's sizes)."""
    memory: int = 512
    """MiB (Fargate's sizes)."""
    exec: bool = False
    """Whether people may run programs in its container (`gromit env exec`)."""


def container_settings(component: ContainerSettings) -> dict[str, Any]:
    """Container settings of a component, by field name."""
    return {f.name: getattr(component, f.name) for f in fields(ContainerSettings)}


@dataclass(frozen=True, slots=True, kw_only=True)
class HookInput:
    """Input of the stack for one hook of a component."""

    image: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentInput(ContainerSettings):
    """Input of the stack for one component of one environment."""

    image: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Docker labels: image digest, config hash, redeploy mark. A changed label starts a rollout."""
    hooks: Mapping[str, HookInput] = field(default_factory=dict)
    """By kind. Each has a task definition of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackInput:
    """All input variables of the stack."""

    name: str
    platform: Platform
    components: Mapping[str, ComponentInput]
    parked: bool = False
    """Whether all services have a desired count of 0."""


@dataclass(frozen=True, slots=True)
class StackOutput:
    """Outputs of an apply."""

    task_definitions: Mapping[str, str]
    """Component to the ARN of the task definition that its service has to run."""


@dataclass(frozen=True, slots=True)
class AppliedStack(StackOutput):
    """Outputs of the stack, and the program that applied it."""

    program: str = ""
    """Product and version, such as `terraform 1.11.4`."""
    changed: frozenset[str] | None = None
    """Components of which a resource was changed; None if that is not known."""


LINEAGE_MAX, SERIAL_MAX = 200, 2**53 - 1
"""Limits of a state's lineage and serial. Terraform's lineages are UUIDs."""


@dataclass(frozen=True, slots=True)
class StateMark:
    """Identity and age of a Terraform state."""

    lineage: str
    """Random id that a state gets when it is created, and keeps."""
    serial: int
    """Grows with every change of the state."""


@dataclass(frozen=True, slots=True)
class StateHead:
    """Head of a Terraform state."""

    resources: int
    """Number of managed resources."""
    mark: StateMark
    owners: frozenset[str] = frozenset()
    """Values of the tag `env` of its resources; an empty text for one with other tags only."""
    held: Mapping[str, ResourceKey] = field(default_factory=dict)
    """Address of each resource to its kind and identity."""
    tainted: frozenset[ResourceKey] = frozenset()
    """Resources that were only half created, so that Terraform replaces them."""
    is_v1: bool = False
    """Whether gromit v1 left it, so that it must be taken over before a run."""
    neighbours: frozenset[str] = frozenset()
    """Other installations that its resources belong to, by their tag `installation`."""

    def strangers(self, environment: str) -> frozenset[str]:
        """Return the owners of resources that are not of this environment.

        gromit v1 tagged with the name that it took from the branch: `TT-1234_fix` is the owner in
        the state of the environment that gromit makes of this branch.
        """
        names = {o for o in self.owners if not o or not is_name_of(o, environment)}
        return frozenset(names | {f"the installation {name}" for name in self.neighbours})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """Deployment status of one ECS service."""

    component: str
    task_definition: str
    """ARN of the task definition of its PRIMARY deployment."""
    rollout: str
    """`IN_PROGRESS`, `COMPLETED` or `FAILED`."""
    running: int
    desired: int
    reason: str = ""
    """Why the rollout failed or makes no progress: the reason of the newest stopped task."""
    stopped_task: str = ""
    """Id of that task; empty if the reason is another one."""
