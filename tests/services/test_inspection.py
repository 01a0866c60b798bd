"""Read-only inputs of a stack: equal to those of a sower, although nothing is written.

Missing images and config files, and a suspension, are no obstacle.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.adapters.config_tree.suspension import Suspension
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import StackInput
from gromit.services.adopting import Adopter
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.full_checks import CheckPolicy
from gromit.services.image_keeping import ImageKeeper
from gromit.services.inspection import StackInspector
from gromit.services.public_records import PublicRecords
from gromit.services.run_states import StateOfRun
from gromit.services.sowing import SettlePolicy, Sower
from tests.fakes.hook_tasks import no_hooks
from tests.fakes.images import FakeImages
from tests.fakes.platform import FakePlatform
from tests.fakes.queue import FakeQueue, a_claim
from tests.fakes.resources import FakeEnvironmentResources
from tests.fakes.secrets import FakeSecrets
from tests.fakes.services import FakeServices
from tests.fakes.states import FakeStates
from tests.fakes.terraform import FakeTerraform

NAME = "app-test"
LOCK = Lock(environment=NAME, id="lock-1", etag="etag-1")
CATALOGUE = Catalogue(
    {
        "pump": Component(
            name="pump",
            repository="tyk-pump",
            config_path="/conf",
            templates={"pump.conf": "env {{ env }}\n"},
        ),
        "redis": Component(name="redis", image="redis:7"),
        "tyk": Component(name="tyk", repository="tyk", port=8080, config_path="/conf"),
    }
)
VERSIONS = {"tyk": "new", "tyk-pump": "master"}
REDEPLOYS = {"redis": "mark-1"}


@dataclass
class World:
    """A config root on disk, a registry, and all warnings."""

    path: Path
    images: FakeImages = field(
        default_factory=lambda: FakeImages(("tyk", "new"), ("tyk-pump", "master"))
    )
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tree = ConfigTree(self.path)
        self.inspector = StackInspector(
            catalogue=CATALOGUE,
            platform=FakePlatform(),
            images=self.images,
            secrets=FakeSecrets(),
            root=self.tree,
            warn=self.warnings.append,
        )

    def sower(self) -> Sower:
        services, states = FakeServices(), FakeStates()
        clear = Clearer(
            FakeEnvironmentResources(), ClearPolicy(1.0, 1.0, lambda: 0.0, lambda _: False)
        )
        return Sower(
            catalogue=CATALOGUE,
            domain=None,
            fingerprint="stack-1",
            platform=FakePlatform(),
            images=self.images,
            keeper=ImageKeeper(self.images),
            secrets=FakeSecrets(),
            root=self.tree,
            terraform=FakeTerraform(services, states),
            services=services,
            adopt=Adopter(states, clear),
            hooks=no_hooks(clear),
            records=PublicRecords(None),
            policy=SettlePolicy(1.0, 1.0, lambda: 0.0, lambda _: False),
            checks=CheckPolicy(0.0, lambda: 0.0),
        )

    def sown(self) -> StackInput:
        """Return the inputs that a sower uses; its config files are on disk then."""
        claim = replace(a_claim(NAME, versions=VERSIONS), redeploys=REDEPLOYS)
        return self.sower().stack(claim)[1]

    def labels(self, component: str) -> dict[str, str]:
        return dict(self.inspector.stack(NAME, VERSIONS, REDEPLOYS).components[component].labels)

    @property
    def files(self) -> dict[str, bytes | None]:
        """Return all files and folders below the root."""
        found = [
            Path(where) / name
            for where, folders, files in os.walk(self.path)
            for name in [*folders, *files]
        ]
        return {str(p): p.read_bytes() if p.is_file() else None for p in found}


@pytest.fixture
def world(tmp_path: Path) -> World:
    init_root(tmp_path / "config")
    return World(tmp_path / "config")


def test_the_inputs_are_those_of_a_sower_that_has_just_been_there(world: World) -> None:
    sown = world.sown()
    assert world.inspector.stack(NAME, VERSIONS, REDEPLOYS) == sown
    assert world.warnings == []
    assert {"gromit.config", "gromit.digest"} <= world.labels("tyk").keys()


def test_looking_writes_nothing(world: World) -> None:
    world.sown()
    (world.path / NAME / "pump" / "pump.conf").unlink()  # a sower would write it again
    before = world.files
    world.labels("pump")
    assert world.files == before


def test_an_environment_without_config_files_has_no_hashes_and_gets_no_folder(world: World) -> None:
    before = world.files
    assert "gromit.config" not in world.labels("tyk")
    (warning,) = world.warnings
    assert warning == (
        "warning: app-test has no rendered config yet for pump, tyk;"
        " their config hashes are left out of this plan"
    )
    assert world.files == before


def test_the_hashes_are_of_the_files_on_disk(world: World) -> None:
    world.sown()
    before = {c: world.labels(c)["gromit.config"] for c in ("pump", "tyk")}
    (world.path / NAME / "tyk" / "mine.conf").write_text("edited")
    assert world.labels("tyk")["gromit.config"] != before["tyk"]
    assert world.labels("pump")["gromit.config"] == before["pump"]


def test_a_suspended_root_is_looked_at_all_the_same(world: World) -> None:
    sown = world.sown()
    world.tree.suspend(Suspension("moving mongo"))
    assert world.inspector.stack(NAME, VERSIONS, REDEPLOYS) == sown


def test_a_root_that_is_not_there_gives_no_hashes_and_is_reported(tmp_path: Path) -> None:
    world = World(tmp_path / "nowhere")
    assert "gromit.config" not in world.labels("tyk")
    assert [
        line
        for line in world.warnings
        if "nowhere" in line and "config hashes are left out" in line
    ]
    assert not (tmp_path / "nowhere").exists()


def test_a_missing_image_has_no_digest_and_is_reported(world: World) -> None:
    world.sown()
    inputs = world.inspector.stack(NAME, {**VERSIONS, "tyk": "pruned"}, REDEPLOYS).components["tyk"]
    assert inputs.image.endswith("/tyk:pruned")
    assert inputs.labels["gromit.version"] == "pruned"
    assert "gromit.digest" not in inputs.labels
    assert world.warnings == [
        "warning: there is no image tyk:pruned in the registry; its digest is left out of this plan"
    ]


def test_an_image_that_is_kept_is_known_although_it_has_expired(world: World) -> None:
    claim = replace(a_claim(NAME, versions=VERSIONS), redeploys=REDEPLOYS)
    made = world.sower()(claim, StateOfRun(FakeStates(), FakeQueue(), claim, LOCK), print)
    world.images.remove("tyk-pump", "master")
    stack = world.inspector.stack(NAME, VERSIONS, REDEPLOYS, made.components)
    assert "@sha256:" in stack.components["pump"].image
    assert world.warnings == []
