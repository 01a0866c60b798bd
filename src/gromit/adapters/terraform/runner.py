"""Runs the packaged stack `stacks/devenv`: for workers under the environment's lock, which they hold, and for people by hand.

One `init` serves all environments of a run, and `TF_WORKSPACE` alone says which one is meant: no `select`, `new` or `validate`.
"""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import structlog

from gromit.adapters.terraform.process import run_interactive
from gromit.adapters.terraform.session import SessionDeps, TerraformConfig, TerraformSession
from gromit.core.environments.locks import Lock
from gromit.core.stack.contract import StackInput, StackOutput
from gromit.core.stack.terraform import (
    TerraformCall,
    apply_arguments,
    destroy_arguments,
    inputs_json,
)
from gromit.core.stack.terraform_events import RunSummary
from gromit.errors import BackendError, TerraformFailed
from gromit.ports import Progress

_log = structlog.get_logger(__name__)


class Terraform:
    """The port `TerraformRunner`. Methods may be called from several threads at once; close it when all is done."""

    def __init__(self, setup: TerraformConfig, outside: SessionDeps) -> None:
        self._session = TerraformSession(setup, outside)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def apply(self, stack: StackInput, lock: Lock, progress: Progress) -> StackOutput:
        """Make the environment as given, under the lock that the caller holds.

        Raises `TerraformFailed`, `Temporary` (no room, took too long) or `Suspended` (interrupted).
        """
        course = self._act(apply_arguments(), stack, lock, progress)
        given = course.outputs.get("task_definitions")
        if not isinstance(given, Mapping):
            raise BackendError(
                f"terraform apply of {stack.name} gave no task definitions",
                hint="see terraform.overlay",
            )
        return StackOutput({str(component): str(arn) for component, arn in given.items()})

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        """Destroy all that the environment's state knows. Raises as `apply` does."""
        self._act(destroy_arguments(), stack, lock, progress)

    def by_hand(self, stack: StackInput, arguments: Sequence[str]) -> int:
        """Run any terraform command for one environment, on our terminal and under terraform's own lock; gives its exit code."""
        session = self._session
        with session.opened() as ready, ready.folder.environment(inputs_json(stack)) as folder:
            data_dir = str(folder.path / ".terraform")
            session.init(ready, folder.path, data_dir, own_lock=True)
            call = TerraformCall(
                cli_config=str(ready.folder.cli_config),
                data_dir=data_dir,
                workspace=stack.name,
                by_hand=True,
            )
            code = run_interactive(session.launch(ready, tuple(arguments), call, folder.path))
            kept = folder.rescue(session.outside.rescue)
        if kept is not None:
            raise TerraformFailed(
                f"terraform could not save the state of {stack.name}: it lies in {kept}"
            )
        return code

    def interrupt(self) -> None:
        """Stop what runs, gently, and start nothing any more. Returns at once; what runs raises `Suspended` when it has ended."""
        self._session.interrupted.set()

    def close(self) -> None:
        """Remove what the run needed on disk. Nothing may run any more."""
        self._session.close()

    def _act(
        self, arguments: tuple[str, ...], stack: StackInput, lock: Lock, progress: Progress
    ) -> RunSummary:
        session = self._session
        with session.initialised() as ready, ready.folder.environment(inputs_json(stack)) as folder:
            run = ready.folder
            call = TerraformCall(
                cli_config=str(run.cli_config),
                data_dir=str(run.data),
                workspace=stack.name,
                lock_id=lock.id,
            )
            launch = session.launch(ready, arguments, call, folder.path)
            started = time.monotonic()
            done = session.follow(
                f"terraform {arguments[0]} of {stack.name}", launch, session.setup.timeout, progress
            )
            kept = folder.rescue(session.outside.rescue)
        seconds = round(time.monotonic() - started, 1)
        _log.info(
            "terraform.ended",
            env=stack.name,
            action=arguments[0],
            code=done.ended.code,
            seconds=seconds,
        )
        if done.ended.code != 0 or kept is not None:
            raise session.failure(done, kept)
        return done.course
