"""Functions of workers, which a pass without work does not build."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.config_tree.root import ConfigTree
from gromit.bootstrap.machine import domain, require_setting
from gromit.config.schema import Settings
from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.stack.made import MadeStack
from gromit.ports import Progress, WorkQueue
from gromit.services.pass_memory import PassMemory
from gromit.services.run_states import StateOfRun
from gromit.services.runs import WorkFunction


@dataclass(frozen=True, slots=True)
class FunctionParts:
    """Settings and parts that a worker's function is built of."""

    settings: Settings
    tree: ConfigTree
    states: S3StateBucket
    queue: WorkQueue
    memory: PassMemory
    stop: threading.Event


@dataclass(slots=True)
class _Built:
    """A worker's function, and the control of its terraforms."""

    do: WorkFunction
    interrupt: Callable[[], None]
    close: Callable[[], None]


@dataclass(slots=True)
class LazyWorkFunction:
    """Function of a worker that is built with the first claim. Thread-safe."""

    kind: Work
    parts: FunctionParts
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _built: _Built | None = None
    _is_interrupted: bool = False

    def __call__(self, claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        """Work on a claim."""
        return self.built()(claim, state, progress)

    def built(self) -> WorkFunction:
        """Return the function itself."""
        return self._function().do

    def interrupt(self) -> None:
        """Interrupt all terraforms that run; a function that is built later starts none."""
        with self._lock:
            self._is_interrupted = True
            built = self._built
        if built is not None:
            built.interrupt()

    def close(self) -> None:
        """Clean up."""
        if self._built is not None:
            self._built.close()

    def _function(self) -> _Built:
        with self._lock:
            if self._built is None:
                self._built = _build(self.kind, self.parts)
                if self._is_interrupted:
                    self._built.interrupt()
            return self._built


def check_settings(settings: Settings, kind: Work) -> None:
    """Raise `ConfigError` for settings with which no work could be done.

    The shipped catalogue is right, so only one of a person is read: that takes as long as the pass.
    """
    if kind is Work.REAP:
        domain(settings)
        require_setting(settings.cluster.zoneid, "cluster.zoneid")
    if settings.catalogue is not None or settings.repos is not None:
        from gromit.bootstrap.catalogue import configured_catalogue  # noqa: PLC0415

        configured_catalogue(settings)


def _build(kind: Work, given: FunctionParts) -> _Built:
    # Templates, validation of the catalogue, terraform and records: nothing of it without work.
    from gromit.bootstrap.catalogue import configured_catalogue  # noqa: PLC0415
    from gromit.bootstrap.reap import reaper  # noqa: PLC0415
    from gromit.bootstrap.sow import sower  # noqa: PLC0415
    from gromit.bootstrap.terraform import terraform_runner  # noqa: PLC0415
    from gromit.bootstrap.worker_parts import WorkerParts  # noqa: PLC0415

    terraform = terraform_runner(given.settings, given.states)
    parts = WorkerParts(
        configured_catalogue(given.settings),
        given.tree,
        terraform,
        given.states,
        given.queue,
        given.memory,
        given.stop,
    )
    make = sower if kind is Work.SOW else reaper
    return _Built(make(given.settings, parts), terraform.interrupt, terraform.close)
