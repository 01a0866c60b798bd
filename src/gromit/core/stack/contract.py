"""What the devenv stack is given and what it gives back: the contract between gromit and `stacks/devenv`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What every environment stands on: plain ids, no secret, from the SSM parameter `/gromit/platform`."""

    vpc_id: str
    vpc_cidr: str
    public_subnets: tuple[str, ...]
    private_subnets: tuple[str, ...]
    namespace_id: str
    file_system_id: str
    execution_role_arn: str
    registry: str
    """Host of the container registries, `<account>.dkr.ecr.<region>.amazonaws.com`."""
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentInput:
    """One component of one environment, all decided."""

    image: str
    port: int | None
    public: bool
    command: tuple[str, ...]
    config_path: str | None
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    cpu: int
    memory: int
    labels: Mapping[str, str] = field(default_factory=dict)
    """Docker labels: image digest, hash of the config, redeploy mark. A changed label rolls the service over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackInput:
    """All inputs of the stack: variables `name`, `platform`, `components`."""

    name: str
    platform: Platform
    components: Mapping[str, ComponentInput]


@dataclass(frozen=True, slots=True)
class StackOutput:
    """What an apply gave."""

    task_definitions: Mapping[str, str]
    """Component to the ARN of the task definition that its service must run."""


@dataclass(frozen=True, slots=True)
class StateHead:
    """The head of a terraform state."""

    resources: int
    """Managed resources in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """How one ECS service stands."""

    component: str
    task_definition: str
    """ARN that its PRIMARY deployment runs."""
    rollout: str
    """`IN_PROGRESS`, `COMPLETED` or `FAILED`."""
    running: int
    desired: int
    reason: str = ""
    """Why it failed or does not get on: the newest stopped task's reason."""
