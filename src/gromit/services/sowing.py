"""Sowing of one environment: images, config files, terraform apply, rollout of its services."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import structlog

from gromit.core.environments.claims import Claim
from gromit.core.environments.full_checks import is_redeployment
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.component_inputs import (
    ResolvedInputs,
    component_inputs,
    made_components,
    recipe_hash,
    required_images,
    spec_hash,
)
from gromit.core.stack.config_templates import TemplateVariables, internal_names, render_files
from gromit.core.stack.contract import AppliedStack, Platform, ServiceState, StackInput
from gromit.core.stack.made import MadeStack
from gromit.core.stack.secrets import SecretState
from gromit.errors import RolloutFailed, Suspended
from gromit.ports import (
    ConfigRoot,
    ImageRegistry,
    PlatformSource,
    Progress,
    ServiceStates,
    TerraformRunner,
)
from gromit.ports.secrets import SecretDirectory
from gromit.services.adopting import Adopter
from gromit.services.full_checks import CheckPolicy, FullCheck
from gromit.services.hooks import HookRunner
from gromit.services.image_keeping import ImageKeeper
from gromit.services.image_resolution import ImageResolver, ResolvedImages
from gromit.services.public_records import PublicRecords
from gromit.services.run_states import StateOfRun
from gromit.services.stack_secrets import StackSecrets

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """Time that services may take to settle, in seconds."""

    settle_s: float
    poll_s: float
    monotonic: Callable[[], float]
    pause: Callable[[float], bool]
    """Waits the given number of seconds; True if this worker must stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sower:
    """Brings environments to their desired state."""

    catalogue: Catalogue
    domain: str | None
    fingerprint: str
    """Hash of the stack's own files, so that a new release of the stack counts as a change."""
    platform: PlatformSource
    images: ImageRegistry
    keeper: ImageKeeper
    secrets: SecretDirectory
    root: ConfigRoot
    terraform: TerraformRunner
    services: ServiceStates
    adopt: Adopter
    hooks: HookRunner
    records: PublicRecords
    policy: SettlePolicy
    checks: CheckPolicy
    forget: Callable[[], None] = lambda: None
    """Forgets what was read in this pass."""

    def __call__(self, claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        """Bring the claimed environment to its desired state; return what runs then.

        Raises `RolloutFailed` if a service does not settle, and what terraform and the ports raise.
        """
        recipe = recipe_hash(self.catalogue, self.fingerprint)
        if is_redeployment(claim):
            # Perhaps because a secret or the platform has another value since it was read.
            self.forget()
        check = FullCheck.of(claim, recipe, self.checks)
        sources, stack = self.stack(claim, trusts_images=check.is_recent)
        desired = spec_hash(stack, self.fingerprint)
        for text in _replacements(sources):
            progress(text)
        if desired == claim.spec_hash:
            progress("nothing has changed")
            return self._made(check, sources, MadeStack(desired, recipe), is_checked=False)
        safe = state.check()
        imports = self.adopt(claim, stack, safe, progress)
        # Before the apply: only a failure that the apply leaves as it is needs a restart. After a
        # clean end there was none (ADR 3), and a new environment has no services.
        may_have_failed = claim.spec_hash is None and (imports or safe.resources)
        failed_before = self._failed(claim.name) if may_have_failed else frozenset()
        if claim.parked:
            # First of all: AWS gives the address of a stopped task to others.
            self.records.remove(claim.name, progress)
        refresh = check.is_needed(safe, imports)
        output = self.terraform.apply(stack, safe.lock, progress, imports, refresh=refresh)
        made = MadeStack(desired, recipe, program=output.program)
        if claim.parked:
            progress("waiting until no task runs")
            self._await_stop(claim.name, stack.components.keys())
            return self._made(check, sources, made, is_checked=refresh)
        desired_definitions = output.task_definitions.items()
        suspects = failed_before & desired_definitions
        if self.hooks.on_create(claim, stack.platform, progress):
            # What a hook has made may be what a service needs to start.
            suspects = set(desired_definitions)
        restarted = self._restart(claim.name, suspects, progress)
        moved = self._moved(claim, output) | restarted
        progress("waiting for the services")
        try:
            self._await_rollout(claim.name, output.task_definitions, moved, progress)
        finally:
            # Also after a failure: other services may have replaced their tasks.
            if moved:
                self.records.update(claim.name, progress)
        return self._made(check, sources, made, is_checked=refresh)

    def stack(
        self, claim: Claim, *, trusts_images: bool = False
    ) -> tuple[ResolvedInputs, StackInput]:
        """Return all inputs of an environment's stack, and write its config files to disk.

        If it `trusts_images`, the registry is only asked for those that changed.
        Raises `InvalidInput` for a missing image or secret, before anything is written. A parked
        environment needs none.
        """
        platform = self.platform.read()
        images = self._resolve(claim, trusts_images=trusts_images)
        sources = ResolvedInputs(
            environment=claim.name,
            catalogue=self.catalogue,
            versions=images.versions,
            digests=images.digests,
            platform=platform,
            config_hashes={},
            redeploys=claim.redeploys,
            secrets=self._secrets(claim),
            gone=images.gone,
        )
        component_inputs(sources)  # raises for a missing image, before config files are written
        files = self._files(claim.name, images.versions, platform)
        sources = replace(sources, config_hashes=self.root.render(claim.name, files))
        inputs = component_inputs(sources)
        stack = StackInput(
            name=claim.name, platform=platform, components=inputs, parked=claim.parked
        )
        return sources, stack

    def _resolve(self, claim: Claim, *, trusts_images: bool) -> ResolvedImages:
        images = self._images(claim, trusts_kept=trusts_images)
        if not claim.parked:
            return images
        required = required_images(self.catalogue, claim.versions)
        return replace(images, digests={**dict.fromkeys(required, ""), **images.digests})

    def _secrets(self, claim: Claim) -> Mapping[str, SecretState]:
        secrets = StackSecrets(self.secrets, self.catalogue)
        return secrets.known(_ignore) if claim.parked else secrets.usable()

    def _made(
        self, check: FullCheck, sources: ResolvedInputs, made: MadeStack, *, is_checked: bool
    ) -> MadeStack:
        """Mark the images of a success, and add the components to what was made.

        `is_checked`: whether the run was a full check.
        """
        known = {image: digest for image, digest in sources.digests.items() if digest}
        images = self._images.images(check.claim, sources.versions)
        revisions = images.revisions(known)
        trusted = images.kept if check.is_recent else {}
        used = {(image[0], digest) for image, digest in known.items() if image not in trusted}
        are_kept = self._images.keeper.keep_used(check.claim.name, used)
        age_s = check.age_s(is_made=is_checked, are_images_kept=are_kept)
        components = made_components(sources, revisions)
        return replace(made, components=components, checked_s=age_s)

    @property
    def _images(self) -> ImageResolver:
        return ImageResolver(self.catalogue, self.images, self.keeper)

    def _files(
        self, name: str, versions: Mapping[str, str], platform: Platform
    ) -> Mapping[str, Mapping[str, str]]:
        peers = internal_names(self.catalogue, name)
        variables = TemplateVariables(
            env=name, domain=self.domain, peers=peers, versions=versions, platform=platform
        )
        return render_files(self.catalogue, variables)

    def _failed(self, name: str) -> AbstractSet[tuple[str, str]]:
        """Return the component and task definition of each service whose deployment failed."""
        return {
            (s.component, s.task_definition)
            for s in self.services.describe(name, self.catalogue.components.keys())
            if s.rollout == "FAILED"
        }

    def _restart(
        self, name: str, suspects: AbstractSet[tuple[str, str]], progress: Progress
    ) -> frozenset[str]:
        """Start a new deployment of those `suspects` that are FAILED now; return the public ones.

        `suspects` failed before, on the task definition that is desired now, or while a hook made
        what they need. ECS never resumes a
        deployment that its circuit breaker has ended, and terraform finds nothing to change.
        """
        failed = sorted(suspects & self._failed(name)) if suspects else []
        for component, _ in failed:
            log.info("service.restarted", env=name, component=component)
            progress(f"{component} had failed: starting a new deployment")
            self.services.restart(name, component)
        return self._public & {component for component, _ in failed}

    def _moved(self, claim: Claim, output: AppliedStack) -> frozenset[str]:
        """Return the public components whose tasks may have another address after the apply.

        After an unclean end (ADR 3), those are all.
        """
        public = self._public & output.task_definitions.keys()
        if claim.spec_hash is None or output.changed is None:
            return public
        return public & output.changed

    @property
    def _public(self) -> frozenset[str]:
        return frozenset(c.name for c in self.catalogue.components.values() if c.public)

    def _await_stop(self, name: str, components: Collection[str]) -> None:
        """Wait until no task runs. Raises `RolloutFailed`, and `Suspended` to stop this worker."""
        until = self.policy.monotonic() + self.policy.settle_s
        while left := [s for s in self.services.describe(name, components) if s.running]:
            if self.policy.monotonic() >= until:
                raise RolloutFailed(
                    f"still running after {self.policy.settle_s:.0f} s:"
                    f" {', '.join(sorted(s.component for s in left))}",
                    hint="stop the tasks, or increase `sow.settle`",
                )
            if self.policy.pause(self.policy.poll_s):
                raise Suspended("this worker was asked to stop while tasks were ending")

    def _await_rollout(
        self, name: str, desired: Mapping[str, str], moved: AbstractSet[str], progress: Progress
    ) -> None:
        """Wait until every service runs its desired task definition and no other.

        The public records follow each of the `moved` components that settles before the last one:
        the address that it had before is already someone else's.

        Terraform ends long before the circuit breaker notices a failed deployment, so it must be
        detected here. Raises `RolloutFailed`, and `Suspended` if this worker must stop.
        """
        until = self.policy.monotonic() + self.policy.settle_s
        unpublished = moved
        while True:
            states = {s.component: s for s in self.services.describe(name, desired.keys())}
            _require_unfailed(states, desired)
            unsettled = sorted(
                c for c, arn in desired.items() if not _is_settled(states.get(c), arn)
            )
            if not unsettled:
                return
            if unpublished - set(unsettled):
                unpublished = unpublished & set(unsettled)
                self.records.update(name, progress)
            if self.policy.monotonic() >= until:
                late = [s for s in self.services.describe(name) if s.component in unsettled]
                raise RolloutFailed(
                    f"not running after {self.policy.settle_s:.0f} s:"
                    f" {_describe(late) or ', '.join(unsettled)}",
                    hint=f"read `gromit env logs {name}`, or increase `sow.settle`",
                    stopped=_stopped_tasks(late),
                )
            if self.policy.pause(self.policy.poll_s):
                raise Suspended("this worker was asked to stop while services were settling")


def _replacements(sources: ResolvedInputs) -> Iterator[str]:
    """Yield which image is gone, and which tag takes its place."""
    for repository, tag in sorted(sources.gone.items()):
        yield f"image {repository}:{tag} is gone: {sources.versions[repository]} runs instead"


def _ignore(_line: str) -> None:
    """Ignore a warning."""


def _require_unfailed(states: Mapping[str, ServiceState], desired: Mapping[str, str]) -> None:
    """Raise `RolloutFailed` if the deployment of a desired task definition has failed."""
    failed = [
        s
        for c, s in states.items()
        # A failed deployment of an older task definition is no longer of interest.
        if desired.get(c) == s.task_definition and s.rollout == "FAILED"
    ]
    if failed:
        raise RolloutFailed(
            _describe(failed),
            hint="fix the build or its config, then report it again",
            stopped=_stopped_tasks(failed),
        )


def _is_settled(state: ServiceState | None, task_definition: str) -> bool:
    return (
        state is not None
        and state.rollout == "COMPLETED"
        # ECS does not take back COMPLETED when a task crashes later, or the service is scaled.
        and 0 < state.desired <= state.running
        and state.task_definition == task_definition
    )


def _stopped_tasks(states: Sequence[ServiceState]) -> Mapping[str, str]:
    return {s.component: s.stopped_task for s in states if s.stopped_task}


def _describe(states: Sequence[ServiceState]) -> str:
    return "; ".join(
        f"{s.component}: {s.reason or f'{s.running} of {s.desired} tasks run'}" for s in states
    )
