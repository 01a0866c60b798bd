"""Programs of the shell in the place of terraform and of a provider that runs beside it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from gromit.adapters.procfs import PROC
from gromit.adapters.terraform import guard
from gromit.adapters.terraform.process import ProcessResult, ProcessSpec, StopPolicy, run_process

SERVES = """\
#!/bin/sh
touch "$TMPDIR/plugin1"
echo "$$ $TMPDIR $*" >"$SEEN"
echo "Set this:"
echo "	TF_REATTACH_PROVIDERS='the address'"
"""
STAYS = "exec sleep 600\n"
NO_ADDRESS = {
    "it ends": "exit 3\n",
    "it says something else": "echo flag provided but not defined: -debug\n",
    "it is killed": "kill -KILL $$\n",
}


class Machine:
    """Runs scripts as terraform, with another one as its provider."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self.provider = folder / "provider"
        self.seen_path = folder / "seen"
        self.places = folder / "places"
        self.places.mkdir()

    def run(self, provider: str, terraform: str) -> tuple[ProcessResult, list[str]]:
        self.provider.write_text(provider)
        self.provider.chmod(0o700)
        return self.run_as_it_is(terraform)

    def run_as_it_is(self, terraform: str) -> tuple[ProcessResult, list[str]]:
        spec = ProcessSpec(
            program="/bin/sh",
            arguments=("-c", terraform),
            environment={
                "PATH": os.environ["PATH"],
                "TMPDIR": str(self.places),
                "SEEN": str(self.seen_path),
            },
            folder=self._folder,
            keep_open=self._lock,
            provider=self.provider,
        )
        lines: list[str] = []
        limits = StopPolicy(timeout_s=60.0, grace_s=20.0, interrupted=Event())
        return run_process(spec, limits, lines.append), lines

    def seen(self) -> tuple[int, Path, str]:
        """Return pid, place and arguments of the provider."""
        pid, rest = self.seen_path.read_text().rstrip("\n").split(" ", 1)
        place, _, arguments = rest.rpartition(" ")
        return int(pid), Path(place), arguments

    def clear(self) -> None:
        """Kill the provider if it lives: its pid may belong to another process since."""
        if not self.seen_path.exists():
            return
        pid = self.seen()[0]
        with suppress(ProcessLookupError, FileNotFoundError):
            if str(self.provider).encode() in (PROC / str(pid) / "cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    made = Machine(tmp_path, lock)
    yield made
    os.close(lock)
    made.clear()


def test_terraform_gets_its_address_and_it_ends_with_terraform(machine: Machine) -> None:
    ended, lines = machine.run(SERVES + STAYS, 'echo "$TF_REATTACH_PROVIDERS"')
    assert (ended, lines) == (ProcessResult(0, "", None), ["the address"])
    pid, place, arguments = machine.seen()
    assert (place.parent, arguments) == (machine.places, "-debug")
    assert not (PROC / str(pid)).exists(), "it has to be reaped, too"
    assert list(machine.places.iterdir()) == []


def test_it_ends_also_if_terraform_is_killed(machine: Machine) -> None:
    ended, _ = machine.run(SERVES + STAYS, "kill -KILL $$")
    assert ended.code == -9
    assert not (PROC / str(machine.seen()[0])).exists()
    assert list(machine.places.iterdir()) == []


def test_an_interrupt_of_terraform_does_not_reach_it(machine: Machine) -> None:
    """It ends at an interrupt, and terraform could not finish what it has begun."""
    script = 'trap "" INT; kill -INT 0; read pid rest <"$SEEN"; kill -0 "$pid" && echo lives'
    assert machine.run(SERVES + STAYS, script)[1] == ["lives"]
    own_session = 'read pid rest <"$SEEN"; cut -d" " -f6 "/proc/$pid/stat"'
    assert machine.run(SERVES + STAYS, own_session)[1] == [str(machine.seen()[0])]


@pytest.mark.parametrize("provider", NO_ADDRESS.values(), ids=NO_ADDRESS)
def test_terraform_starts_its_own_if_it_does_not_serve(machine: Machine, provider: str) -> None:
    ended, lines = machine.run(f"#!/bin/sh\n{provider}", 'echo "${TF_REATTACH_PROVIDERS-own}"')
    assert (ended, lines) == (ProcessResult(0, "", None), ["own"])
    assert list(machine.places.iterdir()) == []


def test_terraform_starts_its_own_if_the_program_or_its_place_is_gone(machine: Machine) -> None:
    assert machine.run_as_it_is('echo "${TF_REATTACH_PROVIDERS-own}"')[1] == ["own"]
    machine.places.rmdir()
    assert machine.run(SERVES + STAYS, 'echo "${TF_REATTACH_PROVIDERS-own}"')[1] == ["own"]


@pytest.mark.parametrize(("code", "said"), [(1, "panic: broken\nat line 3\n\n"), (0, "")])
def test_a_crash_is_shown_if_terraform_fails(machine: Machine, code: int, said: str) -> None:
    crashes = 'echo chatter >&2; echo "panic: broken" >&2; echo "at line 3" >&2; exit 2\n'
    lives = 'grep -qs "^State:.[^Z]" "/proc/$pid/status"'
    dead = f'read pid rest <"$SEEN"; while {lives}; do :; done'
    ended, _ = machine.run(SERVES + crashes, f"{dead}; exit {code}")
    assert (ended.code, ended.stderr) == (code, said)


@pytest.mark.parametrize(("written", "left"), [(guard._ERRORS_MAX, 1), (guard._ERRORS_MAX + 1, 0)])
def test_what_a_provider_writes_is_forgotten_while_it_runs_if_it_is_much(
    tmp_path: Path, written: int, left: int
) -> None:
    provider = guard._Provider("/bin/true", tmp_path)
    provider.limit_errors()  # it has written nothing
    errors = provider._open_errors()
    os.write(errors, bytes(written))
    provider.limit_errors()
    os.write(errors, b"panic: last words")
    os.close(errors)
    assert (tmp_path / "stderr").read_bytes() == bytes(written) * left + b"panic: last words"
    for end in (provider._ended, provider._alive):
        os.close(end)
