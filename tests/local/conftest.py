"""Helpers for tests of the local cloud: free loopback ranges, clients, waiting for a condition."""

import fcntl
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx2
import pytest

T = TypeVar("T")
REGION = "eu-central-1"


def eventually(look: Callable[[], T], *, within: float = 15.0) -> T:
    """Return the first true answer of `look`; fail with its last answer after `within` seconds."""
    deadline, pause = time.monotonic() + within, threading.Event()
    while not (answer := look()):
        assert time.monotonic() < deadline, f"still {answer!r} after {within} s"
        pause.wait(0.02)
    return answer


def client(url: str, service: str) -> Any:
    """Return a client of the emulator at `url`."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def get(address: str, port: int, path: str = "/") -> dict[str, Any]:
    """Return the answer of a simulated container."""
    answer = httpx2.get(f"http://{address}:{port}{path}", timeout=5, trust_env=False)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = json.loads(answer.text)
    return said


@pytest.fixture
def ranges(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]]:
    """Two /16 networks in 127/8 that no other test uses, even with several workers."""
    folder = tmp_path_factory.getbasetemp().parent
    for number in range(0, 60, 2):
        with Path(folder / f"range-{number}").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield (
                ipaddress.IPv4Network(f"127.{180 + number}.0.0/16"),
                ipaddress.IPv4Network(f"127.{181 + number}.0.0/16"),
            )
            return
    pytest.fail("no free range")
