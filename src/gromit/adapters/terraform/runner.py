"""Terraform runs of the packaged stack `stacks/devenv`, for workers and for people.

A worker holds the environment's lock itself. One `init` serves all environments of a run:
`TF_WORKSPACE` alone selects the environment, without `select`, `new` or `validate`.
"""

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

import structlog

from gromit.adapters.terraform.process import run_interactive
from gromit.adapters.terraform.session import SessionDeps, TerraformConfig, TerraformSession
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.adoption import IMPORTS_FILE, import_blocks
from gromit.core.stack.contract import AppliedStack, StackInput
from gromit.core.stack.terraform import (
    TerraformCall,
    apply_arguments,
    destroy_arguments,
    inputs_json,
)
from gromit.core.stack.terraform_events import RunSummary
from gromit.errors import BackendError, TerraformFailed
from gromit.ports import Progress

_NOTHING: Mapping[str, str] = MappingProxyType({})
_log = structlog.get_logger(__name__)


class Terraform:
    """The port `TerraformRunner`.

    Several threads may call its methods at once. Close it at the end.
    """

    def __init__(self, config: TerraformConfig, deps: SessionDeps) -> None:
        self._session = TerraformSession(config, deps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def apply(
        self,
        stack: StackInput,
        lock: Lock,
        progress: Progress,
        imports: Mapping[str, str] = _NOTHING,
        *,
        refresh: bool = True,
    ) -> AppliedStack:
        """Raise `Temporary` for a full disk or an exceeded time limit."""
        arguments = apply_arguments(refresh=refresh)
        summary = self._run(arguments, stack, lock, progress, imports)
        definitions = summary.outputs.get("task_definitions")
        if not isinstance(definitions, Mapping):
            raise BackendError(
                f"terraform apply of {stack.name} returned no task definitions",
                hint="check the files in terraform.overlay",
            )
        arns = {str(component): str(arn) for component, arn in definitions.items()}
        return AppliedStack(arns, summary.program, summary.components)

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        """Raise the same errors as `apply`."""
        self._run(destroy_arguments(), stack, lock, progress)

    def run_for_person(self, stack: StackInput, arguments: Sequence[str]) -> int:
        """Run any terraform command for one environment on our terminal, and return its exit code.

        Terraform takes the lock itself.
        """
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
            code = run_interactive(session.process_spec(ready, tuple(arguments), call, folder.path))
            kept = folder.save_errored_state(session.deps.save_errored_state)
        if kept is not None:
            raise TerraformFailed(
                f"terraform could not save the state of {stack.name}: it is in {kept}"
            )
        return code

    def describe(self) -> str:
        """Return product and version of the program, and of the AWS provider if it is unpacked.

        Raises `ConfigError` if there is no usable program.
        """
        return self._session.describe()

    def interrupt(self) -> None:
        """Stop running terraforms gracefully and start no new ones.

        Return at once. The stopped runs raise `Suspended` when they have ended.
        """
        self._session.interrupted.set()

    def close(self) -> None:
        """Remove the run's folder. No terraform may be running."""
        self._session.close()

    def _run(
        self,
        arguments: tuple[str, ...],
        stack: StackInput,
        lock: Lock,
        progress: Progress,
        imports: Mapping[str, str] = _NOTHING,
    ) -> RunSummary:
        session = self._session
        with session.initialised() as ready, ready.folder.environment(inputs_json(stack)) as folder:
            run = ready.folder
            if imports:
                folder.write(IMPORTS_FILE, import_blocks(imports))
            call = TerraformCall(
                cli_config=str(run.cli_config),
                data_dir=str(run.data),
                workspace=stack.name,
                lock_id=lock.id,
            )
            spec = session.process_spec(ready, arguments, call, folder.path)
            started = time.monotonic()
            result = session.follow(
                f"terraform {arguments[0]} of {stack.name}", spec, session.config.timeout, progress
            )
            kept = folder.save_errored_state(session.deps.save_errored_state)
        seconds = round(time.monotonic() - started, 1)
        _log.info(
            "terraform.ended",
            env=stack.name,
            action=arguments[0],
            code=result.process.code,
            seconds=seconds,
            program=result.summary.program,
        )
        is_done = result.process.code == 0 and kept is None
        session.deps.ended(arguments[0], seconds, is_done)
        if not is_done:
            raise session.failure(result, kept)
        return result.summary
