"""Emulated AWS accounts, each in a process of its own, where other tests cannot reset it.

    with emulated_aws() as url:
        ...

A process that has moto loaded forks for each of them: loading moto takes nine tenths of the start.
As a program (`python -m tests.emulators`) this module is that process. It reads `start KIND` or
`stop PID` from its standard input, and answers with address and pid, or the exit code. At the end
of its input it ends all of its forks, so none outlives the tests.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from tests.waiting import PATIENCE_S

_REPOSITORY = Path(__file__).parents[1]
_ACCOUNT = "123456789012"
"""Account of moto, for any credentials."""
_EMPTY_TABLE = "/gromit-tests/empty-table"
_OFTEN_USED = ("dynamodb", "ec2", "ecr", "ecs", "logs", "route53", "s3", "servicediscovery", "ssm")


@contextmanager
def emulated_aws() -> Iterator[str]:
    """Run an empty emulator during the block, and yield its address."""
    with _running("emulator") as url:
        yield url


@contextmanager
def unchecked_aws() -> Iterator[str]:
    """Run an empty moto with gromit's patches, which checks no request against AWS's models."""
    with _running("moto") as url:
        yield url


def empty_table(url: str, region: str, table: str, *kept: str) -> None:
    """Delete all items of a table of `unchecked_aws`, except those with these keys."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)
    order = json.dumps({"region": region, "table": table, "kept": kept})
    with closing(connection):
        connection.request("POST", _EMPTY_TABLE, order)
        assert connection.getresponse().status == HTTPStatus.NO_CONTENT


@contextmanager
def _running(kind: str) -> Iterator[str]:
    url, pid = _forks().ask(f"start {kind}").split()
    try:
        yield url
    finally:
        _forks().ask(f"stop {pid}")


class _Forks:
    """The connection to the process that forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.emulators"],
            cwd=_REPOSITORY,
            env={**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, order: str) -> str:
        """Give an order, and return the answer."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with self._lock:
            process.stdin.write(f"{order}\n")
            return process.stdout.readline()

    def close(self) -> None:
        """End the process and all emulators."""
        self._process.communicate()


@cache
def _forks() -> _Forks:
    forks = _Forks()
    atexit.register(forks.close)
    return forks


def main() -> None:
    """Fork for each order to start, until standard input ends."""
    gc.set_threshold(50_000, 20, 20)  # as in tests/conftest.py
    from gromit.local.aws.api_models import services  # noqa: PLC0415 - as moto below
    from gromit.local.aws.emulator import Emulator  # noqa: PLC0415 - moto is for this process only
    from gromit.local.aws.moto_patches import apply_patches  # noqa: PLC0415

    apply_patches()
    # Reading the models takes more time than all checks of a fork.
    for service in services.SERVICES:
        services.service_model(service)
    _use_services()
    gc.collect()
    gc.freeze()
    running: set[int] = set()
    for line in sys.stdin:
        order, _, text = line.strip().partition(" ")
        if order == "stop":
            running.remove(int(text))
            print(_stop(int(text)), flush=True)  # noqa: T201
        else:
            address, pid = _start(Emulator if text == "emulator" else _Moto)
            running.add(pid)
            print(address, pid, flush=True)  # noqa: T201
    for pid in running:
        _stop(pid)


def _use_services() -> None:
    """Let moto read regions, instance types and names of services, which it keeps for all forks."""
    from moto.core.base_backend import BackendDict  # noqa: PLC0415 - as in `main`
    from moto.core.model_instances import reset_model_data  # noqa: PLC0415
    from moto.core.utils import service_name_from_moto_package_name  # noqa: PLC0415

    from gromit.local.aws.direct import prepare  # noqa: PLC0415

    prepare(_OFTEN_USED)
    for service in _OFTEN_USED:
        service_name_from_moto_package_name(service)
    BackendDict.reset()
    reset_model_data()


def _with_emptying(application: Callable[..., Any]) -> Callable[..., Any]:
    """Return an application that answers `empty_table` itself, without the SDK and Flask."""
    from moto.dynamodb.models import dynamodb_backends  # noqa: PLC0415 - as in `main`

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] != _EMPTY_TABLE:
            return application(environ, start_response)
        order = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        table = dynamodb_backends[_ACCOUNT][order["region"]].get_table(order["table"])
        for key in [key for key in table.items if key.value not in order["kept"]]:
            table.delete_item(key, None)
        start_response("204 No Content", [])
        return []

    return answer


class _Moto:
    """Moto's server, which handles one request at a time, so that conditional writes are atomic."""

    def __enter__(self) -> Self:
        from gromit.local.aws.direct import DirectApplication  # noqa: PLC0415 - as in `main`
        from gromit.local.aws.http_server import HttpServer  # noqa: PLC0415

        server = HttpServer("127.0.0.1", 0, _with_emptying(DirectApplication())).start()
        self.url = f"http://{server.host}:{server.port}"
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the end to the end of the process."""


def _start(emulator: type) -> tuple[str, int]:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _emulate(emulator, write)
    os.close(write)
    address = os.read(read, 100).decode()
    os.close(read)
    return address, pid


def _emulate(emulator: type, ready: int) -> None:
    """Be an emulator until a signal ends this process."""
    try:
        with emulator() as aws:
            os.write(ready, aws.url.encode())
            os.close(ready)
            signal.pause()
    finally:
        os._exit(1)


def _stop(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
