"""Preparation of a run for all its terraforms: program, provider, folder and one `init`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from threading import Event, Lock

import structlog

from gromit.adapters.terraform import provider_mirror
from gromit.adapters.terraform.folder import (
    ELSEWHERE,
    RunFolder,
    SaveErroredState,
    new_run_folder,
    remove_stale_runs,
    work_folder_errors,
)
from gromit.adapters.terraform.process import (
    ProcessResult,
    ProcessSpec,
    StopPolicy,
    StopReason,
    run_process,
)
from gromit.adapters.terraform.program import AUTO, choose_program
from gromit.core.stack import terraform as core
from gromit.core.stack.terraform_events import (
    Mask,
    RunSummary,
    describe_event,
    failure_reason,
    fold_event,
    parse_event,
)
from gromit.errors import GromitError, Suspended, Temporary, TerraformFailed
from gromit.ports import Progress

_log = structlog.get_logger(__name__)

DEVENV = Path(str(files("gromit"))).resolve() / "stacks" / "devenv"
"""The packaged stack."""

_PREPARATION = timedelta(minutes=5)
"""Time limit of `init` and `version`, which a slow registry can delay."""
_PROVIDER_BYTES = 1 << 30
"""Free space for a provider from a registry (AWS: up to 800 MB). A mirror's is only linked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformConfig:
    """Settings of a session."""

    backend: core.Backend
    cache: Path
    """This user's folder for unpacked providers (`provider_mirror.user_cache`)."""
    work: Path
    """Folder for the folders of runs, on a local disk."""
    command: str = AUTO
    """`auto`, `embedded`, or a program."""
    mirror: Path | None = None
    """Unpacked provider mirror; None: the embedded provider if installed, else the registry."""
    overlay: Path | None = None
    """Folder of `*.tf` files that are added to the stack."""
    stack: Path = DEVENV
    min_free_bytes: int = 64 << 20
    """Free space that the work folder's disk must have before a run starts."""
    timeout: timedelta = timedelta(minutes=20)
    grace: timedelta = timedelta(seconds=60)
    """Time for an interrupted terraform to save its state; stopping takes at most 10 s more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeps:
    """Environment variables, masking and state rescue that a session needs."""

    environ: Mapping[str, str]
    mask: Mask
    save_errored_state: SaveErroredState
    ended: Callable[[str, float, bool], None] = lambda _action, _seconds, _is_done: None
    """Called at the end of each command of a run: its name, its seconds, and whether it is done."""


@dataclass(frozen=True, slots=True)
class TerraformResult:
    """End and output of one terraform process."""

    action: str
    """Command and environment, for messages."""
    limit: timedelta
    process: ProcessResult
    summary: RunSummary


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run's folder and the program that runs in it."""

    folder: RunFolder
    program: str
    provider: Path | None = None
    """Program of the provider that runs beside each terraform; None: terraform starts its own."""


@dataclass(slots=True)
class _Prepared:
    """A prepared run with its reference count."""

    ready: PreparedRun
    parts: frozenset[Path]
    """Files and folders that its folder must have."""
    is_initialised: bool = False
    users: int = 0
    """Number of terraforms that use the folder now."""
    is_replaced: bool = False
    """Whether another run has replaced it, so that its last user closes it."""


class TerraformSession:
    """A worker's prepared run, and the ways to run terraform in it. Its methods are thread-safe.

    If part of the prepared folder disappears, the session prepares another folder. Terraforms in
    the old folder go on, and the last one closes it.
    """

    def __init__(self, config: TerraformConfig, deps: SessionDeps) -> None:
        self.config = config
        self.deps = deps
        self.interrupted = Event()
        self._secrets = core.secret_values(deps.environ, config.backend)
        # `_preparing` is held during `init`, which takes minutes. The counts have a lock of their
        # own, so that a terraform which ends meanwhile does not wait for it.
        self._preparing = Lock()
        self._counting = Lock()
        self._prepared: _Prepared | None = None
        self._in_use: set[Path] = set()

    @contextmanager
    def opened(self) -> Iterator[PreparedRun]:
        """Hold the run's folder during the block: it has the stack and a chosen program.

        `init` may not have run in it yet.
        """
        # Acquire before `_preparing` is released: otherwise another thread could replace the run in
        # between and close the folder.
        with self._preparing:
            prepared = self._current()
            self._acquire(prepared)
        try:
            yield prepared.ready
        finally:
            self._release(prepared)

    @contextmanager
    def initialised(self) -> Iterator[PreparedRun]:
        """Hold the run's folder after `init`, with free space on its disk for an environment."""
        # The first thread runs `init` while the others wait for `_preparing`.
        with self._preparing:
            prepared = self._current()
            self._check_free_space(prepared)
            if not prepared.is_initialised:
                ready = prepared.ready
                self.init(ready, ready.folder.template, str(ready.folder.data), own_lock=False)
                prepared.ready = replace(ready, provider=ready.folder.provider())
                prepared.parts = ready.folder.parts()
                prepared.is_initialised = True
            self._acquire(prepared)
        try:
            yield prepared.ready
        finally:
            self._release(prepared)

    def init(self, ready: PreparedRun, path: Path, data_dir: str, *, own_lock: bool) -> None:
        """Run `init` in `path`, a folder within the run's.

        `init` refuses a workspace that does not exist yet, so it runs without one.
        """
        call = core.TerraformCall(cli_config=str(ready.folder.cli_config), data_dir=data_dir)
        spec = self.process_spec(ready, core.init_arguments(own_lock=own_lock), call, path)
        result = self.follow("terraform init", spec, _PREPARATION, lambda _line: None)
        if result.process.code != 0:
            raise self.failure(result)

    def process_spec(
        self, ready: PreparedRun, arguments: tuple[str, ...], call: core.TerraformCall, path: Path
    ) -> ProcessSpec:
        """Return the process for a terraform call in `path`."""
        return ProcessSpec(
            program=ready.program,
            arguments=arguments,
            environment=core.child_environment(self.deps.environ, call),
            folder=path,
            keep_open=ready.folder.lock,
            provider=ready.provider,
        )

    def follow(
        self, action: str, spec: ProcessSpec, limit: timedelta, progress: Progress
    ) -> TerraformResult:
        """Run terraform and read its events; `progress` gets one line for each completed step."""
        summary = RunSummary()

        def on_line(line: str) -> None:
            nonlocal summary
            event = parse_event(line, self.mask)
            summary = fold_event(summary, event)
            if text := describe_event(event, summary):
                progress(text)

        process = run_process(spec, self._stop_policy(limit), on_line)
        return TerraformResult(action, limit, process, summary)

    def failure(self, result: TerraformResult, kept: str | None = None) -> GromitError:
        """Return the error of a failed terraform; `kept` is the place of its unsaved state."""
        unsaved, hint = "", None
        if kept:
            unsaved = f"; its state could not be saved and is in {kept}"
            hint = (
                f"compare it with the state in {self.config.backend.bucket} before you apply again"
            )
        stopped: StopReason | None = result.process.stopped
        match stopped:
            case "interrupt":
                return Suspended(
                    f"{result.action} was interrupted{unsaved}",
                    hint=hint or "the next run continues it",
                )
            case "timeout":
                text = f"{result.action} took longer than {result.limit} and was stopped{unsaved}"
                return Temporary(text, hint=hint or "gromit retries; `sow.timeout` sets the limit")
            case None:
                return TerraformFailed(
                    f"{result.action}: {self._failure_reason(result)}{unsaved}", hint=hint
                )

    def describe(self) -> str:
        """Return product and version of the program, and of an unpacked AWS provider."""
        with self.opened() as ready:
            version = core.parse_tool_version(self._ask_version(ready.folder, ready.program))
        mirror = self._mirror()
        if mirror is None:
            return f"{version}, with an AWS provider from the registry"
        providers = provider_mirror.aws_versions(mirror)
        return f"{version}, with AWS provider {', '.join(providers) or 'of none'}"

    def mask(self, text: str) -> str:
        """Return `text` without what looks like a secret, and without terraform's own secrets."""
        for value in self._secrets:
            text = text.replace(value, "***")
        return self.deps.mask(text)

    def close(self) -> None:
        """Remove the run's folder. No terraform may be running."""
        with self._preparing:
            prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.ready.folder.close()

    def _failure_reason(self, result: TerraformResult) -> str:
        code = result.process.code
        if code < 0:
            return f"it was ended by signal {-code}"
        return failure_reason(result.summary, result.process.stderr, self.mask)

    def _current(self) -> _Prepared:
        """Return the prepared run; prepare another one if part of its folder is gone."""
        if self.interrupted.is_set():
            raise Suspended("terraform is not started any more", hint="this worker is stopping")
        old = self._prepared
        if old is not None and old.ready.folder.has(old.parts):
            return old
        if old is not None:
            _log.warning("run.folder_gone", path=str(old.ready.folder.path), hint=ELSEWHERE)
            self._prepared = None
            self._drop(old)
        self._prepared = self._prepare()
        return self._prepared

    # Reference count of a prepared run. Its folder may be closed only when the run is replaced and
    # no terraform uses it. `_release` and `_drop` can meet at that moment, so each changes the
    # count and decides under `_counting`: exactly one of them sees both conditions and closes the
    # folder.

    def _acquire(self, prepared: _Prepared) -> None:
        with self._counting:
            prepared.users += 1
            self._in_use.add(prepared.ready.folder.path)

    def _release(self, prepared: _Prepared) -> None:
        with self._counting:
            prepared.users -= 1
            is_unused = prepared.users == 0
            if is_unused:
                self._in_use.discard(prepared.ready.folder.path)
            must_close = is_unused and prepared.is_replaced
        if must_close:
            prepared.ready.folder.close()

    def _drop(self, prepared: _Prepared) -> None:
        """Mark a run as replaced."""
        with self._counting:
            prepared.is_replaced = True
            must_close = prepared.users == 0
        if must_close:
            prepared.ready.folder.close()

    def _prepare(self) -> _Prepared:
        # A folder in use is normally protected by its lock file, but that file may have been
        # deleted with other old files. So the folders of this session are excluded by name as well.
        with self._counting:
            in_use = frozenset(self._in_use)
        remove_stale_runs(self.config.work, self.deps.save_errored_state, in_use)
        mirror = self._mirror()
        config = core.cli_config(str(mirror) if mirror else None)
        folder = new_run_folder(self.config.work, self.config.stack, self.config.overlay, config)
        try:
            folder.write_backend(core.backend_file(self.config.backend))
            program = self._choose(folder)
            parts = folder.parts()
        except BaseException:
            folder.close()
            raise
        _log.debug("terraform.chosen", program=program, mirror=str(mirror))
        return _Prepared(PreparedRun(folder, program), parts)

    def _mirror(self) -> Path | None:
        if self.config.mirror is not None:
            return self.config.mirror.absolute()
        bundle = provider_mirror.find_bundle()
        return provider_mirror.ensure_unpacked(bundle, self.config.cache) if bundle else None

    def _choose(self, folder: RunFolder) -> str:
        search_path = self.deps.environ.get("PATH", "")
        return choose_program(self.config.command, search_path, partial(self._ask_version, folder))

    def _ask_version(self, folder: RunFolder, program: str) -> str:
        """Return the output of a program's `version`."""
        call = core.TerraformCall(cli_config=str(folder.cli_config), data_dir=str(folder.data))
        lines: list[str] = []
        run_process(
            self.process_spec(PreparedRun(folder, program), ("version",), call, folder.path),
            self._stop_policy(_PREPARATION),
            lines.append,
        )
        return "\n".join(lines)

    def _stop_policy(self, limit: timedelta) -> StopPolicy:
        grace_s = self.config.grace.total_seconds()
        return StopPolicy(
            timeout_s=limit.total_seconds(), grace_s=grace_s, interrupted=self.interrupted
        )

    def _check_free_space(self, prepared: _Prepared) -> None:
        with work_folder_errors(self.config.work):
            free = prepared.ready.folder.free_bytes()
        needed = self.config.min_free_bytes
        if not prepared.is_initialised and self._downloads_provider():
            needed += _PROVIDER_BYTES
        if free < needed:
            raise Temporary(
                f"only {free >> 20} MiB are free in {self.config.work}, "
                f"and terraform needs {needed >> 20} MiB",
                hint="free some space; gromit retries",
            )

    def _downloads_provider(self) -> bool:
        return self.config.mirror is None and provider_mirror.find_bundle() is None
