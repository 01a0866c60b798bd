"""One ground per pytest process, and one installation per test.

Tests of one process run one after the other, so only one test at a time uses what they share: the
config root and the emulated AWS. Rows, records and leases belong to one test. With `pytest -n 2`
each worker has its own ground, and two tests run at once. Most of their time they wait for AWS, as
the emulator lets terraform's provider wait like AWS does.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.ground import Ground, emulated_aws
from tests.e2e.stage import Stage, installation

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with emulated_aws(tmp_path_factory.mktemp("ground")) as made:
        yield made


@pytest.fixture
def install(ground: Ground) -> Iterator[Callable[..., Stage]]:
    """Return a function that makes an installation with settings; its serve is not started."""
    with ExitStack() as ends:
        yield lambda **settings: ends.enter_context(
            installation(ground, f"t{next(_NUMBERS)}", settings)
        )


@pytest.fixture
def stage(install: Callable[..., Stage]) -> Stage:
    """An installation like that of a local cloud, with serve."""
    made = install()
    made.serve()
    return made
