"""The AWS provider as a process of its own, for all terraforms that one process of pytest runs.

    with SHARED.attached(command, mirror, environment) as variables:
        subprocess.run(terraform, env={**environment, **variables})

Terraform starts its provider up to four times for one plan, and before that it computes the hash of
a file of 170 MB. A provider in debug mode serves any number of terraforms, one after another: each
configures it again. If it ends, the terraform that uses it fails, and the next one gets another.
"""

import atexit
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gromit.local.cloud.supervisor import die_with_parent
from tests.waiting import wait_for

VARIABLE = "TF_REATTACH_PROVIDERS"
_ADDRESS = re.compile(rf"{VARIABLE}='(.+)'")
_PROGRAMS = "registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_*"
_USED_BY = frozenset({"apply", "destroy", "output", "plan", "show", "state", "test", "validate"})
_END_S = 10


@dataclass(frozen=True, slots=True)
class ProviderProcess:
    """A running provider."""

    key: tuple[Path, frozenset[tuple[str, str]]]
    """Program and environment, which a provider reads only once."""
    process: subprocess.Popen[bytes]
    said: Path
    """File with all that it has printed."""

    @property
    def variables(self) -> Mapping[str, str]:
        """Return the variable with which terraform finds it."""
        found = _ADDRESS.search(self.said.read_text())
        return {VARIABLE: found[1]} if found else {}

    @property
    def has_ended(self) -> bool:
        """Whether it is of no use any more."""
        return self.process.poll() is not None

    def end(self) -> None:
        """End it, so that it removes its socket."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.said.unlink(missing_ok=True)


class SharedProvider:
    """At most one provider. It holds one configuration, so only one terraform uses it at a time."""

    def __init__(self) -> None:
        self._in_use = threading.Lock()
        self._running: ProviderProcess | None = None
        atexit.register(self.end)

    @contextmanager
    def attached(
        self, command: str, mirror: Path, environment: Mapping[str, str]
    ) -> Iterator[Mapping[str, str]]:
        """Lend the provider of a mirror for the block, and yield terraform's variable for it.

        Yield nothing for a command that uses none, or if another thread uses it: then terraform
        starts its own.
        """
        if command not in _USED_BY or not self._in_use.acquire(blocking=False):
            yield {}
            return
        try:
            yield self._provider(mirror, environment).variables
        finally:
            self._in_use.release()

    def end(self) -> None:
        """End the provider."""
        if self._running is not None:
            self._running.end()
            self._running = None

    def _provider(self, mirror: Path, environment: Mapping[str, str]) -> ProviderProcess:
        (program,) = mirror.glob(_PROGRAMS)
        key = (program, frozenset(environment.items()))
        running = self._running
        if running is None or running.has_ended or running.key != key:
            self.end()
            self._running = running = _start(key)
        return running


SHARED = SharedProvider()
"""The one of this process."""


def _start(key: tuple[Path, frozenset[tuple[str, str]]]) -> ProviderProcess:
    program, environment = key
    number, said = tempfile.mkstemp(prefix="provider-")
    try:
        process = subprocess.Popen(
            [*die_with_parent(), str(program), "-debug"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=number,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(number)
    provider = ProviderProcess(key, process, Path(said))
    wait_for("the provider's address", lambda: provider.has_ended or bool(provider.variables))
    return provider
