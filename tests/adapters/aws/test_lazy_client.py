"""Clients of AWS that are made when they are first used."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from gromit.adapters.aws.lazy_client import lazy_client
from tests.waiting import PATIENCE_S


@dataclass
class Client:
    """A client with one operation."""

    threads: set[str] = field(default_factory=set)

    def describe(self) -> str:
        self.threads.add(threading.current_thread().name)
        return "described"


def test_a_client_is_made_at_its_first_use_and_once_for_all_threads() -> None:
    made: list[Client] = []
    meet = threading.Barrier(4, timeout=PATIENCE_S)

    def make() -> Client:
        made.append(Client())
        return made[-1]

    client = lazy_client(make)
    assert made == []

    def use(_number: int) -> str:
        meet.wait()
        return client.describe()

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(use, range(4))] == ["described"] * 4
    assert len(made) == 1
    assert len(made[0].threads) >= 1


def test_a_client_that_could_not_be_made_is_tried_again_and_has_no_attribute_of_its_own() -> None:
    errors = [OSError("no model")]

    def make() -> Client:
        if errors:
            raise errors.pop()
        return Client()

    client = lazy_client(make)
    with pytest.raises(OSError, match="no model"):
        client.describe()
    assert client.describe() == "described"
    with pytest.raises(AttributeError, match="'Client' object has no attribute 'delete'"):
        client.delete()  # type: ignore[attr-defined]
