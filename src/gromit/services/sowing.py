"""How one environment is made as wanted: images, config files, terraform, and a look whether its services really run it."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import structlog

from gromit.core.environments.claims import Claim
from gromit.core.environments.locks import Lock
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.component_inputs import (
    ResolvedInputs,
    component_inputs,
    required_images,
    spec_hash,
)
from gromit.core.stack.config_files import TemplateVariables, internal_names, render_files
from gromit.core.stack.contract import Platform, ServiceState, StackInput
from gromit.errors import RolloutFailed, Suspended
from gromit.ports import (
    ConfigRoot,
    ImageRegistry,
    PlatformSource,
    Progress,
    ServiceStates,
    TerraformRunner,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How long services may take, in seconds."""

    settle_s: float
    poll_s: float
    monotonic: Callable[[], float]
    pause: Callable[[float], bool]
    """Waits so many seconds; True if this worker is to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sower:
    """Makes environments."""

    catalogue: Catalogue
    domain: str | None
    fingerprint: str
    """Hash of the stack's own files: a new release of the stack is a change."""
    platform: PlatformSource
    images: ImageRegistry
    root: ConfigRoot
    terraform: TerraformRunner
    services: ServiceStates
    patience: SettlePolicy

    def __call__(self, claim: Claim, lock: Lock, progress: Progress) -> str:
        """Make the claimed environment true; gives the hash of what runs."""
        stack = self.stack(claim.name, claim.versions, claim.redeploys)
        wanted = spec_hash(stack, self.fingerprint)
        if wanted == claim.spec_hash:
            progress("nothing has changed")
            return wanted
        failed_before = self._failed(claim.name)
        output = self.terraform.apply(stack, lock, progress)
        self._restart(claim.name, failed_before & output.task_definitions.items(), progress)
        progress("waiting for the services")
        self._settle(claim.name, output.task_definitions)
        return wanted

    def stack(
        self, name: str, versions: Mapping[str, str], redeploys: Mapping[str, str]
    ) -> StackInput:
        """All inputs of an environment's stack; its config files are on disk afterwards.

        The images are looked up before anything is written: a missing one leaves everything as it is.
        """
        platform = self.platform.read()
        digests = self.images.digests(required_images(self.catalogue, versions))
        sources = ResolvedInputs(
            environment=name,
            catalogue=self.catalogue,
            versions=versions,
            digests=digests,
            platform=platform,
            config_hashes={},
            redeploys=redeploys,
        )
        component_inputs(sources)
        hashes = self.root.render(name, self._files(name, versions, platform))
        inputs = component_inputs(replace(sources, config_hashes=hashes))
        return StackInput(name=name, platform=platform, components=inputs)

    def _files(
        self, name: str, versions: Mapping[str, str], platform: Platform
    ) -> Mapping[str, Mapping[str, str]]:
        peers = internal_names(self.catalogue, name)
        variables = TemplateVariables(
            env=name, domain=self.domain, peers=peers, versions=versions, platform=platform
        )
        return render_files(self.catalogue, variables)

    def _failed(self, name: str) -> AbstractSet[tuple[str, str]]:
        """Each service (by component) whose deployment has failed, with the task definition that it was of."""
        return {
            (s.component, s.task_definition)
            for s in self.services.look(name)
            if s.rollout == "FAILED"
        }

    def _restart(
        self, name: str, suspects: AbstractSet[tuple[str, str]], progress: Progress
    ) -> None:
        """Give a new deployment to the `suspects` that an apply has left as they were: FAILED, on the wanted task definition.

        ECS never takes up a deployment again that its circuit breaker gave up, and terraform sees nothing to change.
        """
        for component, _ in sorted(suspects & self._failed(name)) if suspects else ():
            log.info("service.restarted", env=name, component=component)
            progress(f"{component} had failed: starting it again")
            self.services.restart(name, component)

    def _settle(self, name: str, wanted: Mapping[str, str]) -> None:
        """Wait until every service runs its wanted task definition, and nothing else.

        A failed deployment has to be seen here: with the circuit breaker, terraform is content long before it shows.
        """
        until = self.patience.monotonic() + self.patience.settle_s
        while True:
            states = {s.component: s for s in self.services.look(name)}
            failed = [
                s
                for c, s in states.items()
                if wanted.get(c) == s.task_definition and s.rollout == "FAILED"
            ]
            if failed:
                raise RolloutFailed(
                    _describe(failed), hint="mend the build or its config, and report it again"
                )
            unsettled = sorted(c for c, arn in wanted.items() if not _settled(states.get(c), arn))
            if not unsettled:
                return
            if self.patience.monotonic() >= until:
                late = [states[c] for c in unsettled if c in states]
                raise RolloutFailed(
                    f"not running after {self.patience.settle_s:.0f} s: {_describe(late) or ', '.join(unsettled)}",
                    hint="look at the component's log group, or raise sow.settle",
                )
            if self.patience.pause(self.patience.poll_s):
                raise Suspended("this worker was told to end while services were settling")


def _settled(state: ServiceState | None, task_definition: str) -> bool:
    return (
        state is not None
        and state.rollout == "COMPLETED"
        and state.task_definition == task_definition
    )


def _describe(states: Sequence[ServiceState]) -> str:
    return "; ".join(
        f"{s.component}: {s.reason or f'{s.running} of {s.desired} tasks run'}" for s in states
    )
