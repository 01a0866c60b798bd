"""Worlds of the contract tests: one emulator for the session, and every available terraform."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gromit.core.stack.contract import Platform
from tests.contracts.terraform.cloud import Cloud, running_cloud
from tests.contracts.terraform.worlds import World
from tests.terraforms import USER_CACHE, unpacked_provider


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


@pytest.fixture(scope="session")
def platform(cloud: Cloud) -> Platform:
    """One VPC and one namespace for all environments."""
    return cloud.platform()


@pytest.fixture
def world(cloud: Cloud, tmp_path: Path) -> World:
    """The embedded terraform without a provider, for the bare stack."""
    empty = tmp_path / "no-providers"
    empty.mkdir()
    return World(cloud, "embedded", empty, tmp_path, USER_CACHE)


ENGINES = [
    pytest.param(("embedded", "embedded"), id="embedded-3.39"),
    pytest.param(("terraform", "embedded"), id="path-3.39", marks=pytest.mark.long),
    pytest.param(("embedded", "mirror"), id="embedded-mirror", marks=pytest.mark.long),
    pytest.param(("terraform", "mirror"), id="path-mirror", marks=pytest.mark.long),
    pytest.param(("tofu", "embedded"), id="tofu-3.39", marks=pytest.mark.long),
]
"""Yield programs and providers.

    A program on the PATH and the mirror in `GROMIT_TEST_MIRROR` are used only if they exist.
    """


@pytest.fixture(scope="session", params=ENGINES)
def engine(
    request: pytest.FixtureRequest,
    cloud: Cloud,
    tmp_path_factory: pytest.TempPathFactory,
) -> World:
    command, provider = request.param
    if command != "embedded" and shutil.which(command) is None:
        pytest.skip(f"there is no {command} on the PATH")
    if provider == "embedded":
        mirror = unpacked_provider()
    elif path := os.environ.get("GROMIT_TEST_MIRROR"):
        mirror = Path(path)
    else:
        pytest.skip("GROMIT_TEST_MIRROR does not name a folder with an unpacked provider")
    return World(cloud, command, mirror, tmp_path_factory.mktemp("engine"), USER_CACHE)
