"""Helpers for tests of the local cloud: free loopback ranges, clients, waiting for a condition."""

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

from gromit.local.cloud.network import claim_ranges
from tests.waiting import PATIENCE_S

T = TypeVar("T")
REGION = "eu-central-1"


def eventually(look: Callable[[], T], *, within: float = PATIENCE_S) -> T:
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
    answer = httpx2.get(f"http://{address}:{port}{path}", timeout=PATIENCE_S, trust_env=False)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = json.loads(answer.text)
    return said


@pytest.fixture
def ranges(tmp_path: Path) -> Iterator[tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]]:
    """Two /16 networks in 127/8, claimed as a local cloud claims its own."""
    with claim_ranges(str(tmp_path)) as claim:
        yield claim.ranges.vpc, claim.ranges.public
