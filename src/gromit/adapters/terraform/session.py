"""What one run of a worker prepares once for all its terraforms: the program, the provider, the folder, and one `init`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
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
"""Limit for `init` and `version`, which a registry can hold up."""
_ROOM_FOR_PROVIDER = 1 << 30
"""The AWS provider of a registry has up to 800 MB unpacked; a mirror's is only linked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformConfig:
    """Plain settings."""

    backend: core.Backend
    cache: Path
    """Folder of this user for what is unpacked once (`provider_mirror.user_cache`)."""
    work: Path
    """Folder for what a run needs while it lasts; on a local disk."""
    command: str = AUTO
    """`auto`, `embedded`, or a program."""
    mirror: Path | None = None
    """Unpacked provider mirror; None: the embedded provider if it is installed, else the registry."""
    overlay: Path | None = None
    """Folder of `*.tf` files that are added to the stack."""
    stack: Path = DEVENV
    room: int = 64 << 20
    """Bytes that must be free on the work folder's disk before anything is begun."""
    timeout: timedelta = timedelta(minutes=20)
    grace: timedelta = timedelta(seconds=60)
    """What an interrupted terraform gets to save its state and end; stopping one takes at most 10 s more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeps:
    """What is needed from around."""

    environ: Mapping[str, str]
    mask: Mask
    rescue: SaveErroredState


@dataclass(frozen=True, slots=True)
class TerraformResult:
    """How a terraform ended and what it said."""

    what: str
    limit: timedelta
    ended: ProcessResult
    course: RunSummary


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """What was prepared."""

    folder: RunFolder
    program: str


@dataclass(slots=True)
class _Prepared:
    """What was prepared, and who uses it."""

    ready: PreparedRun
    parts: frozenset[Path]
    """What must lie in its folder."""
    is_initialised: bool = False
    runs: int = 0
    is_left: bool = False
    """Whether another one has taken its place, so that the last run in it closes it."""


class TerraformSession:
    """The preparations and how to run with them. Methods may be called from several threads at once.

    What is gone from the folder is prepared anew, in another one: terraforms that run in the old one are not disturbed, and it is
    closed when the last of them has ended.
    """

    def __init__(self, setup: TerraformConfig, outside: SessionDeps) -> None:
        self.setup = setup
        self.outside = outside
        self.interrupted = Event()
        self._secrets = core.secret_values(outside.environ, setup.backend)
        self._preparing = Lock()
        self._counting = Lock()
        self._prepared: _Prepared | None = None
        self._in_use: set[Path] = set()

    @contextmanager
    def opened(self) -> Iterator[PreparedRun]:
        """The folder of this run for the time of the block: the stack is in it, the program chosen, `init` maybe still to come."""
        with self._preparing:
            prepared = self._whole()
            self._begin(prepared)
        try:
            yield prepared.ready
        finally:
            self._end(prepared)

    @contextmanager
    def initialised(self) -> Iterator[PreparedRun]:
        """The same after the one `init` in it, with room on its disk for an environment."""
        with self._preparing:
            prepared = self._whole()
            ready = prepared.ready
            self._check_room(prepared)
            if not prepared.is_initialised:
                self.init(ready, ready.folder.template, str(ready.folder.data), own_lock=False)
                prepared.parts, prepared.is_initialised = ready.folder.parts(), True
            self._begin(prepared)
        try:
            yield ready
        finally:
            self._end(prepared)

    def init(self, ready: PreparedRun, path: Path, data_dir: str, *, own_lock: bool) -> None:
        """Run `init` in `path`, a folder within the run's; without a workspace, as it refuses one that does not exist yet."""
        call = core.TerraformCall(cli_config=str(ready.folder.cli_config), data_dir=data_dir)
        launch = self.launch(ready, core.init_arguments(own_lock=own_lock), call, path)
        done = self.follow("terraform init", launch, _PREPARATION, lambda _line: None)
        if done.ended.code != 0:
            raise self.failure(done)

    def launch(
        self, ready: PreparedRun, arguments: tuple[str, ...], call: core.TerraformCall, path: Path
    ) -> ProcessSpec:
        """How terraform is started in `path`."""
        return ProcessSpec(
            program=ready.program,
            arguments=arguments,
            environment=core.child_environment(self.outside.environ, call),
            folder=path,
            keep_open=ready.folder.lock,
        )

    def follow(
        self, what: str, launch: ProcessSpec, limit: timedelta, progress: Progress
    ) -> TerraformResult:
        """Run terraform and listen to it; `progress` gets a line for each thing done."""
        course = RunSummary()

        def take(line: str) -> None:
            nonlocal course
            event = parse_event(line, self.mask)
            course = fold_event(course, event)
            if text := describe_event(event, course):
                progress(text)

        ended = run_process(launch, self._leash(limit), take)
        return TerraformResult(what, limit, ended, course)

    def failure(self, done: TerraformResult, kept: str | None = None) -> GromitError:
        """The error for a terraform that did not end well; `kept` is where its unsaved state lies."""
        lost = f"; its state could not be saved and lies in {kept}" if kept else ""
        hint = (
            f"compare it with the state in {self.setup.backend.bucket} before anything else is applied"
            if kept
            else None
        )
        cut: StopReason | None = done.ended.cut
        match cut:
            case "interrupt":
                return Suspended(
                    f"{done.what} was interrupted{lost}",
                    hint=hint or "the next run takes it up again",
                )
            case "timeout":
                text = f"{done.what} took longer than {done.limit} and was stopped{lost}"
                return Temporary(
                    text, hint=hint or "it is tried again; `sow.timeout` sets the limit"
                )
            case None:
                killed = (
                    f"it was ended by signal {-done.ended.code}" if done.ended.code < 0 else None
                )
                reason = killed or failure_reason(done.course, done.ended.stderr, self.mask)
                return TerraformFailed(f"{done.what}: {reason}{lost}", hint=hint)

    def mask(self, text: str) -> str:
        """`text` without what looks like a secret, and without the secrets that terraform is given."""
        for value in self._secrets:
            text = text.replace(value, "***")
        return self.outside.mask(text)

    def close(self) -> None:
        """Remove the run's folder. Nothing may run any more."""
        with self._preparing:
            prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.ready.folder.close()

    def _whole(self) -> _Prepared:
        """What is prepared, made anew if some of it is gone."""
        if self.interrupted.is_set():
            raise Suspended("terraform is not started any more", hint="this worker was told to end")
        old = self._prepared
        if old is not None and old.ready.folder.has(old.parts):
            return old
        if old is not None:
            _log.warning("run.folder_gone", path=str(old.ready.folder.path), hint=ELSEWHERE)
            self._prepared = None
            self._leave(old)
        self._prepared = self._prepare()
        return self._prepared

    def _begin(self, prepared: _Prepared) -> None:
        with self._counting:
            prepared.runs += 1
            self._in_use.add(prepared.ready.folder.path)

    def _end(self, prepared: _Prepared) -> None:
        with self._counting:
            prepared.runs -= 1
            is_over = prepared.runs == 0
            if is_over:
                self._in_use.discard(prepared.ready.folder.path)
            closes = is_over and prepared.is_left
        if closes:
            prepared.ready.folder.close()

    def _leave(self, prepared: _Prepared) -> None:
        with self._counting:
            prepared.is_left = True
            closes = prepared.runs == 0
        if closes:
            prepared.ready.folder.close()

    def _prepare(self) -> _Prepared:
        with self._counting:
            in_use = frozenset(self._in_use)  # locked, too, as long as nobody has removed the lock
        remove_stale_runs(self.setup.work, self.outside.rescue, in_use)
        mirror = self._mirror()
        config = core.cli_config(str(mirror) if mirror else None)
        folder = new_run_folder(self.setup.work, self.setup.stack, self.setup.overlay, config)
        try:
            folder.keep_backend(core.backend_file(self.setup.backend))
            program = self._choose(folder)
            parts = folder.parts()
        except BaseException:
            folder.close()
            raise
        _log.debug("terraform.chosen", program=program, mirror=str(mirror))
        return _Prepared(PreparedRun(folder, program), parts)

    def _mirror(self) -> Path | None:
        if self.setup.mirror is not None:
            return self.setup.mirror.absolute()
        bundle = provider_mirror.find_bundle()
        return provider_mirror.ensure_unpacked(bundle, self.setup.cache) if bundle else None

    def _choose(self, folder: RunFolder) -> str:
        call = core.TerraformCall(cli_config=str(folder.cli_config), data_dir=str(folder.data))

        def ask(program: str) -> str:
            lines: list[str] = []
            run_process(
                self.launch(PreparedRun(folder, program), ("version",), call, folder.path),
                self._leash(_PREPARATION),
                lines.append,
            )
            return "\n".join(lines)

        return choose_program(self.setup.command, self.outside.environ.get("PATH", ""), ask)

    def _leash(self, limit: timedelta) -> StopPolicy:
        grace_s = self.setup.grace.total_seconds()
        return StopPolicy(
            timeout_s=limit.total_seconds(), grace_s=grace_s, interrupted=self.interrupted
        )

    def _check_room(self, prepared: _Prepared) -> None:
        with work_folder_errors(self.setup.work):
            free = prepared.ready.folder.free_bytes()
        downloads = (
            not prepared.is_initialised
            and self.setup.mirror is None
            and provider_mirror.find_bundle() is None
        )
        needed = self.setup.room + (_ROOM_FOR_PROVIDER if downloads else 0)
        if free < needed:
            text = f"only {free >> 20} MiB are free in {self.setup.work}, and terraform needs {needed >> 20}"
            raise Temporary(text, hint="free some space; it is tried again")
