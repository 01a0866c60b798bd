"""Real processes of the shell in the place of terraform, run and stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest

from gromit.adapters.terraform import guard as terraform_guard
from gromit.adapters.terraform.process import (
    EMBEDDED,
    ProcessResult,
    ProcessSpec,
    StopPolicy,
    run_interactive,
    run_process,
)
from gromit.errors import BackendError
from tests.waiting import PATIENCE_S, wait_for

SHELL = "/bin/sh"
HOUR_S = 3600.0


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """The descriptor that a process holds open while it lives."""
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def shell(tmp_path: Path, held: int) -> Callable[..., ProcessSpec]:
    def launch(script: str, **environ: str) -> ProcessSpec:
        environment = {"PATH": os.environ["PATH"], **environ}
        return ProcessSpec(
            program=SHELL,
            arguments=("-c", script),
            environment=environment,
            folder=tmp_path,
            keep_open=held,
        )

    return launch


def policy(**limits: float) -> StopPolicy:
    return StopPolicy(
        interrupted=Event(),
        **{"timeout_s": 4 * PATIENCE_S, "grace_s": PATIENCE_S, "last_s": 0.3, **limits},
    )


@dataclass
class Clock:
    """The clock of limits. It goes on as usual, and skips an hour when a program says so.

    A program that is slow to start is thus never stopped before it is ready.
    """

    skipped: float = 0.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return time.monotonic() + self.skipped

    def skips_at(self, *marks: str) -> Callable[[str], None]:
        """Return a listener that skips an hour at each of these lines."""

        def take(line: str) -> None:
            if line in marks:
                self.skipped += HOUR_S

        return take


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("gromit.adapters.terraform.process.time", made)
    return made


def ran(launch: ProcessSpec, limits: StopPolicy | None = None) -> tuple[ProcessResult, list[str]]:
    lines: list[str] = []
    return run_process(launch, limits or policy(), lines.append), lines


def has_open(pid: int, path: Path) -> bool:
    return any(str(link.readlink()) == str(path) for link in Path(f"/proc/{pid}/fd").iterdir())


def test_it_gives_lines_code_and_standard_error(shell: Callable[..., ProcessSpec]) -> None:
    ended, lines = ran(shell("echo one; echo two; echo trouble >&2; printf last; exit 3"))
    assert lines == ["one", "two", "last"]
    assert ended == ProcessResult(3, "trouble\n", None)


def test_lines_come_while_it_runs(shell: Callable[..., ProcessSpec], tmp_path: Path) -> None:
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        (tmp_path / line).touch()

    ended = run_process(
        shell("echo first; until [ -e first ]; do sleep 0.05; done; echo second"), policy(), take
    )
    assert (ended.code, lines) == (0, ["first", "second"])


def test_much_output_holds_nothing_up(shell: Callable[..., ProcessSpec]) -> None:
    ended, lines = ran(shell("yes 0123456789 | head -n 200000; yes x | head -c 1000000 >&2"))
    assert (ended.code, len(lines), set(lines)) == (0, 200_000, {"0123456789"})
    assert len(ended.stderr) == 64 * 1024


def test_a_line_without_an_end_is_cut_and_takes_no_more_time_than_others(
    shell: Callable[..., ProcessSpec],
) -> None:
    """Joining the parts of such a line again with each of them would take hours."""
    ended, lines = ran(shell("head -c 200000000 /dev/zero | tr '\\0' x; echo; echo next"))
    assert (ended.code, lines[0] == "x" * (4 << 20), lines[1:]) == (0, True, ["next"])


def test_a_long_line_is_whole(shell: Callable[..., ProcessSpec]) -> None:
    _, lines = ran(shell("head -c 3000000 /dev/zero | tr '\\0' x; printf '\\n\\nlast'"))
    assert [len(line) for line in lines] == [3_000_000, 0, 4]


def test_endless_output_does_not_hide_a_timeout(
    shell: Callable[..., ProcessSpec], clock: Clock
) -> None:
    script = "echo ready; while :; do echo y; done"
    ended = run_process(shell(script), policy(timeout_s=HOUR_S), clock.skips_at("ready"))
    assert ended.stopped == "timeout"


def test_it_sees_the_environment_it_is_given_and_no_other(
    shell: Callable[..., ProcessSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_LOG", "TRACE")
    _, lines = ran(shell("env", GROMIT_LOCK_ID="lock-1"))
    assert "GROMIT_LOCK_ID=lock-1" in lines
    assert not any(line.startswith("TF_LOG") for line in lines)


def test_it_reads_nothing_and_leads_a_session_of_its_own(shell: Callable[..., ProcessSpec]) -> None:
    _, lines = ran(shell("cat; cut -d' ' -f6 /proc/$$/stat; echo $PPID"))
    session, guard = lines
    assert session == guard != str(os.getsid(0))


def test_it_holds_the_descriptor_open_while_it_lives(
    shell: Callable[..., ProcessSpec], tmp_path: Path
) -> None:
    seen: list[bool] = []

    def take(line: str) -> None:
        seen.append(has_open(int(line), tmp_path / "lock"))
        (tmp_path / "seen").touch()

    run_process(shell("echo $$; until [ -e seen ]; do sleep 0.05; done"), policy(), take)
    assert seen == [True]


def test_an_interrupted_one_gets_its_grace(shell: Callable[..., ProcessSpec]) -> None:
    limits, lines = policy(), list[str]()

    def take(line: str) -> None:
        lines.append(line)
        limits.interrupted.set()

    ended = run_process(
        shell("trap 'echo saved; exit 0' INT; echo ready; while :; do sleep 0.05; done"),
        limits,
        take,
    )
    assert lines == ["ready", "saved"]
    assert ended == ProcessResult(0, "", "interrupt")


def test_one_that_takes_too_long_is_interrupted(
    shell: Callable[..., ProcessSpec], clock: Clock, tmp_path: Path
) -> None:
    script = "trap 'touch saved; exit 1' INT; echo ready; while :; do sleep 0.05; done"
    ended = run_process(shell(script), policy(timeout_s=HOUR_S), clock.skips_at("ready"))
    assert ended == ProcessResult(1, "", "timeout")
    assert (tmp_path / "saved").exists()


def test_the_second_interrupt_ends_one_that_takes_its_time(
    shell: Callable[..., ProcessSpec], clock: Clock, tmp_path: Path
) -> None:
    script = (
        "n=0; trap 'n=$((n+1)); echo $n; [ $n = 2 ] && touch second && exit 1' INT;"
        " echo ready; while :; do sleep 0.05; done"
    )
    limits = policy(timeout_s=HOUR_S, grace_s=HOUR_S, last_s=HOUR_S)
    ended = run_process(shell(script), limits, clock.skips_at("ready", "1"))
    assert ended.code == 1
    assert (tmp_path / "second").exists()


def test_a_stubborn_one_is_killed_at_last(shell: Callable[..., ProcessSpec], clock: Clock) -> None:
    script = "trap '' INT; echo ready; while :; do sleep 0.05; done"
    limits = policy(timeout_s=HOUR_S, grace_s=0.3)
    ended = run_process(shell(script), limits, clock.skips_at("ready"))
    assert ended == ProcessResult(-signal.SIGKILL, "", "timeout")


def test_nothing_of_its_group_is_left(shell: Callable[..., ProcessSpec]) -> None:
    _, lines = ran(shell("sleep 60 & echo $!"))
    wait_for(
        "the end of what it started",
        lambda: not Path(f"/proc/{lines[0]}/cmdline").exists() or is_zombie(lines[0]),
    )


def is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_listener_that_fails_does_not_cost_the_state(
    shell: Callable[..., ProcessSpec], tmp_path: Path
) -> None:
    def fail(line: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="ready"):
        run_process(
            shell(
                "trap 'echo more; touch saved; exit 0' INT; echo ready; "
                "while :; do sleep 0.05; done"
            ),
            policy(),
            fail,
        )
    assert (tmp_path / "saved").exists()


def test_it_can_be_interrupted_though_its_worker_ignores_interrupts(
    shell: Callable[..., ProcessSpec], clock: Clock, tmp_path: Path
) -> None:
    """A worker that a shell starts in the background does, and threads may block signals."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended: list[ProcessResult] = []

    def work() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        script = "trap 'touch saved; exit 0' INT; echo ready; while :; do sleep 0.05; done"
        limits = policy(timeout_s=HOUR_S)
        ended.append(run_process(shell(script), limits, clock.skips_at("ready")))

    try:
        thread = Thread(target=work)
        thread.start()
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == [ProcessResult(0, "", "timeout")]
    assert (tmp_path / "saved").exists()


def test_one_whose_worker_is_dead_does_not_start(tmp_path: Path) -> None:
    """The check of the parent follows the request for the signal, so there is no gap."""
    script = str(Path(terraform_guard.__file__))
    another = os.getppid()
    argv = [
        sys.executable,
        "-I",
        script,
        str(another),
        SHELL,
        "-c",
        f"touch {tmp_path / 'started'}",
    ]
    done = subprocess.run(argv, check=False, timeout=PATIENCE_S)
    assert done.returncode == terraform_guard.ORPHANED
    assert not (tmp_path / "started").exists()


def test_a_program_that_cannot_run_says_so(tmp_path: Path, held: int) -> None:
    launch = ProcessSpec(
        program=str(tmp_path / "none"),
        arguments=(),
        environment={},
        folder=tmp_path,
        keep_open=held,
    )
    ended, _ = ran(launch)
    assert ended.code == 1
    assert "No such file" in ended.stderr


def test_a_folder_that_is_gone_is_an_error_of_ours(tmp_path: Path, held: int) -> None:
    launch = ProcessSpec(
        program=EMBEDDED, arguments=(), environment={}, folder=tmp_path / "gone", keep_open=held
    )
    with pytest.raises(BackendError, match="cannot start embedded"):
        ran(launch)


def test_attached_it_writes_where_we_write(
    shell: Callable[..., ProcessSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_interactive(shell("echo for people; exit 7")) == 7
    assert capfd.readouterr().out == "for people\n"


@dataclass(frozen=True)
class Orphan:
    """A terraform whose worker was killed, and its guard."""

    folder: Path
    guard: int
    terraform: int

    def interrupts(self) -> int:
        """Number of interrupts that terraform has got, when the guard has handled all signals."""
        wait_for("the first interrupt", (self.folder / "interrupted").exists)
        wait_for("the guard to handle its signals", self._guard_waits)
        os.kill(self.terraform, signal.SIGUSR2)
        wait_for("the count", (self.folder / "interrupts").exists)
        return int((self.folder / "interrupts").read_text())

    def _guard_waits(self) -> bool:
        status = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{self.guard}/status").read_text().splitlines()
        )
        return status["State"].split()[0] == "S" and int(status["ShdPnd"], 16) == 0


@contextmanager
def orphaned(folder: Path, threads: int) -> Iterator[Orphan]:
    """Start a worker of `threads` threads on each side of the starting one, and kill it."""
    script = Path(__file__).with_name("dying_worker.py")
    arguments = ["worker", terraform_guard.__file__, str(threads), str(folder)]
    command = [sys.executable, str(script), *arguments]
    with subprocess.Popen(command) as worker:
        wait_for("its terraform", (folder / "pids").exists)
        worker.kill()
    guard, terraform = map(int, (folder / "pids").read_text().split())
    try:
        yield Orphan(folder, guard, terraform)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(guard, signal.SIGKILL)


RUNS = [
    *((run, threads) for run in range(2) for threads in (0, 4, 9)),
    *(
        pytest.param(run, threads, marks=pytest.mark.long)
        for run in range(2, 10)
        for threads in (0, 4, 9)
    ),
]


@pytest.mark.parametrize(("run", "threads"), RUNS)
def test_a_dying_worker_interrupts_terraform_once_whatever_threads_it_has(
    tmp_path: Path, run: int, threads: int
) -> None:
    with orphaned(tmp_path, threads) as orphan:
        assert orphan.interrupts() == 1, f"run {run}"


def test_a_signal_that_comes_again_is_no_second_interrupt(tmp_path: Path) -> None:
    with orphaned(tmp_path, 0) as orphan:
        wait_for("the first interrupt", (tmp_path / "interrupted").exists)
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            os.kill(orphan.guard, number)
        assert orphan.interrupts() == 1


def test_a_terraform_whose_guard_is_killed_is_interrupted_once(tmp_path: Path) -> None:
    with orphaned(tmp_path, 4) as orphan:
        assert orphan.interrupts() == 1
    again = tmp_path / "again"
    again.mkdir()
    script = Path(__file__).with_name("dying_worker.py")
    program = [sys.executable, str(script), "count", str(again)]
    command = [sys.executable, "-I", terraform_guard.__file__, str(os.getpid()), *program]
    with subprocess.Popen(command, start_new_session=True) as guard:
        wait_for("its terraform", (again / "pids").exists)
        terraform = int((again / "pids").read_text().split()[1])
        guard.kill()
    wait_for("the interrupt", (again / "interrupted").exists)
    os.kill(terraform, signal.SIGUSR2)
    wait_for("the count", (again / "interrupts").exists)
    assert (again / "interrupts").read_text() == "1"
