"""The terraforms that run the roots, an emulated AWS for each module, and the applied ground."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform import infra
from tests.platform.emulator import Emulator, running_emulator
from tests.platform.ground import Ground
from tests.platform.refusals import Refusals
from tests.platform.roots import Engine, Root
from tests.terraforms import unpacked_provider


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


@pytest.fixture(scope="session")
def embedded() -> Engine:
    """The embedded terraform with the embedded provider, 3.39."""
    return Engine(unpacked_provider())


@pytest.fixture(scope="session")
def terraform() -> Engine:
    """The terraform on the PATH with the embedded provider."""
    return _on_path("terraform")


@pytest.fixture(scope="session")
def tofu() -> Engine:
    """The OpenTofu on the PATH with the embedded provider."""
    return _on_path("tofu")


def _on_path(name: str) -> Engine:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"there is no {name} on the PATH")
    return Engine(unpacked_provider(), program)


@pytest.fixture(scope="session")
def newer() -> Engine:
    """The embedded terraform with the provider in the folder that `GROMIT_TEST_MIRROR` names."""
    path = os.environ.get("GROMIT_TEST_MIRROR")
    if not path:
        pytest.skip("GROMIT_TEST_MIRROR does not name a folder with an unpacked provider")
    return Engine(Path(path))


@pytest.fixture(scope="session")
def ground(embedded: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Apply infra without the tasks of the control plane, with the example values."""
    with running_emulator() as emulator:
        base = infra.create_base(emulator)
        infra.create_prerequisites(emulator)
        folder = tmp_path_factory.mktemp("infra")
        root = Root.copied("infra", folder, embedded, emulator, infra.given(emulator))
        first = root.plan(infra.VALUES, *infra.GROUND)
        root.run("apply", infra.QUICKLY, "plan")  # exactly that plan
        yield Ground(emulator, root, base, first)


@pytest.fixture(scope="session")
def refusals(ground: Ground) -> Refusals:
    """Plans of infra with wrong values."""
    return Refusals(ground.root, infra.WRONG_VALUES, infra.VALUES, "-refresh=false")
