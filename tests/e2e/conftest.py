"""The ground once for each pytest process, and an installation of its own for each test.

Tests of one process follow each other, so what is everybody's (the config root, the emulated AWS) is one test's at a time; rows,
records and leases are its own altogether. With `pytest -n 2` each worker has a ground, and two tests run at once: most of their
time they wait for AWS, which the emulator lets terraform's provider do as on AWS.
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
    """Makes an installation with the given settings; its serve is not started."""
    with ExitStack() as ends:
        yield lambda **settings: ends.enter_context(
            installation(ground, f"t{next(_NUMBERS)}", settings)
        )


@pytest.fixture
def stage(install: Callable[..., Stage]) -> Stage:
    """An installation as a local cloud has it, with serve."""
    made = install()
    made.serve()
    return made
