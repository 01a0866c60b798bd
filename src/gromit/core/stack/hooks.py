"""Hooks: one-off tasks of components, at the beginning and the end of an environment.

A hook takes care of data that is outside of the environment, such as a database on a shared host.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.stack.contract import Platform
from gromit.core.stack.resources import Resource, ResourceKind


class HookKind(StrEnum):
    """Instants at which hooks run. The values are keys of the catalogue."""

    ON_CREATE = "on_create"
    """After the first apply of an incarnation, while its services start."""
    ON_REAP = "on_reap"
    """Before the environment is destroyed, when its services have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One-off task of a component, as the catalogue describes it."""

    command: tuple[str, ...]
    """Program and its arguments, instead of the image's entry point and command."""
    image: str | None = None
    """Fixed image; None for the component's own."""
    timeout_s: int = 300
    """Seconds after which the task is stopped, and has failed."""
    required: bool = True
    """Whether its failure is a failure of the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTask:
    """Everything that is needed to run a hook."""

    environment: str
    component: str
    kind: HookKind
    hook: Hook
    definition: str
    """ARN of its task definition."""
    security_group: str
    subnets: tuple[str, ...]

    @property
    def family(self) -> str:
        """Family of its task definition."""
        return hook_family(self.environment, self.component, self.kind)

    def __str__(self) -> str:
        return f"hook {self.kind} of {self.component}"


def hook_family(environment: str, component: str, kind: str) -> str:
    """Return the family of a hook's task definition, as the stack names it."""
    return f"{environment}--{component}--{kind.replace('_', '-')}"


def parse_family(environment: str, family: str) -> tuple[str, str | None]:
    """Return the component of a task definition's family, and the kind of its hook, if it is one.

    No name of a component contains `--`.
    """
    component, is_hook, kind = family.removeprefix(f"{environment}--").partition("--")
    return component, kind.replace("-", "_") if is_hook else None


def plan_hooks(
    hooks: Mapping[str, Hook],
    kind: HookKind,
    environment: str,
    found: Sequence[Resource],
    platform: Platform,
) -> Sequence[HookTask]:
    """Return the tasks of one kind that can run, by what exists of the environment.

    `hooks` maps components to their hooks of this kind. A hook without a task definition or a
    network was never made, or is destroyed already, so that there is nothing left to run it in.
    """
    if not any(resource.kind is ResourceKind.CLUSTER for resource in found if resource.is_ours):
        return ()
    definitions: dict[str, str] = {}
    groups: dict[str, str] = {}
    for resource in found:
        if resource.component is None or not resource.is_ours:
            continue
        # The newest revision comes first.
        if resource.kind is ResourceKind.DEFINITION and resource.hook == kind:
            definitions.setdefault(resource.component, resource.id)
        if resource.kind is ResourceKind.GROUP:
            groups[resource.component] = resource.id
    return [
        HookTask(
            environment=environment,
            component=component,
            kind=kind,
            hook=hook,
            definition=definitions[component],
            security_group=groups[component],
            subnets=platform.private_subnets,
        )
        for component, hook in sorted(hooks.items())
        if component in definitions and component in groups
    ]


def without(hooks: Mapping[str, Hook], components: Collection[str]) -> Mapping[str, Hook]:
    """Return the hooks of all other components."""
    return {name: hook for name, hook in hooks.items() if name not in components}


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """Result of the task of a hook."""

    exit_code: int | None
    """None if its container never ran, or did not end by itself."""
    reason: str
    task: str = ""
    """Id of the ECS task; empty if none was started."""

    @property
    def succeeded(self) -> bool:
        """Whether its program ended with 0."""
        return self.exit_code == 0

    def __str__(self) -> str:
        return self.reason if self.exit_code is None else f"exit code {self.exit_code}"
