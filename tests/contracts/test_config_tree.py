"""The port `ConfigRoot`: the fake, and the tree on disk."""

from pathlib import Path
from typing import Protocol

import pytest

from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.errors import ConfigRootUnusable, Suspended
from gromit.ports import ConfigRoot
from gromit.ports.inventory import ConfigFolders
from tests.fakes.config_root import FakeConfigRoot


class World(Protocol):
    """A config root, and a person who works in it."""

    root: ConfigRoot
    archive: ConfigFolders

    def edit(self, environment: str, component: str, file: str, text: str | None) -> None:
        """Write a file as a person, or remove it (None)."""
        ...

    def text(self, environment: str, component: str, file: str) -> str | None:
        """Return the content of a file."""
        ...

    def suspend(self) -> None:
        """Stop all processing."""
        ...

    def unmount(self) -> None:
        """Unmount the volume."""
        ...


class _Fake(FakeConfigRoot):
    def __init__(self) -> None:
        super().__init__()
        self.root: ConfigRoot = self
        self.archive: ConfigFolders = self

    def suspend(self) -> None:
        self.fault = Suspended("processing is suspended")

    def unmount(self) -> None:
        self.fault = ConfigRootUnusable("the volume is gone")


class _Disk:
    def __init__(self, path: Path) -> None:
        init_root(path)
        self._path = path
        tree = ConfigTree(path)
        self.root: ConfigRoot = tree
        self.archive: ConfigFolders = tree

    def edit(self, environment: str, component: str, file: str, text: str | None) -> None:
        path = self._path / environment / component / file
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def text(self, environment: str, component: str, file: str) -> str | None:
        path = self._path / environment / component / file
        return path.read_text() if path.exists() else None

    def suspend(self) -> None:
        (self._path / "noprocess").touch()

    def unmount(self) -> None:
        (self._path / ".gromit-root").unlink()


@pytest.fixture(params=["fake", "disk"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return _Fake() if request.param == "fake" else _Disk(tmp_path / "config")


def test_check_lets_pass_suspends_and_fails_closed(world: World) -> None:
    world.root.check()
    world.suspend()
    with pytest.raises(Suspended):
        world.root.check()
    world.unmount()
    with pytest.raises(ConfigRootUnusable):
        world.root.check()


def test_folders_are_listed_with_whether_gromit_wrote_in_them(world: World) -> None:
    assert world.archive.folders() == {}
    world.root.render("app-test", {"tyk": {"a": "1"}})
    world.edit("app-test", "tyk", "mine", "2")
    world.edit("notes", "tyk", "mine", "2")
    assert world.archive.folders() == {"app-test": True, "notes": False}


def test_a_folder_that_is_set_aside_is_no_environments_any_more(world: World) -> None:
    world.root.render("app-test", {"tyk": {"a": "1"}})
    world.root.render("other", {"tyk": {"a": "1"}})
    aside = world.archive.set_aside("app-test")
    assert "app-test" in aside
    assert world.archive.folders() == {"other": True}
    assert world.text("app-test", "tyk", "a") is None
    world.root.render("app-test", {"tyk": {"a": "3"}})
    assert world.text("app-test", "tyk", "a") == "3"


def test_people_find_a_folder_that_was_set_aside_in_the_root(tmp_path: Path) -> None:
    world = _Disk(tmp_path)
    world.edit("app-test", "tyk", "mine", "keep me")
    aside = world.archive.set_aside("app-test")
    assert (tmp_path / aside / "tyk" / "mine").read_text() == "keep me"


def test_nothing_is_rendered_below_an_unusable_root(world: World) -> None:
    world.unmount()
    with pytest.raises(ConfigRootUnusable):
        world.root.render("app-test", {"tyk": {"a": "1"}})
    assert world.text("app-test", "tyk", "a") is None


def test_rendering_gives_a_hash_for_each_component_that_depends_on_its_files_alone(
    world: World,
) -> None:
    one = world.root.render("app-test", {"tyk": {"a": "1"}, "pump": {"a": "1"}, "bare": {}})
    other = world.root.render("other", {"tyk": {"a": "2"}, "pump": {"a": "1"}})
    assert one.keys() == {"tyk", "pump", "bare"}
    assert one["tyk"] == one["pump"] == other["pump"] != other["tyk"]
    assert one["bare"] not in {one["tyk"], other["tyk"]}


def test_untouched_files_follow_and_edited_ones_are_kept(world: World) -> None:
    first = world.root.render("app-test", {"tyk": {"a": "1", "b": "1"}})
    world.edit("app-test", "tyk", "a", "mine")
    second = world.root.render("app-test", {"tyk": {"a": "2", "b": "2"}})
    assert (world.text("app-test", "tyk", "a"), world.text("app-test", "tyk", "b")) == ("mine", "2")
    world.edit("app-test", "tyk", "a", None)
    third = world.root.render("app-test", {"tyk": {"a": "2", "b": "2"}})
    assert world.text("app-test", "tyk", "a") == "2"
    assert len({first["tyk"], second["tyk"], third["tyk"]}) == 3


def test_a_file_that_a_person_adds_changes_the_hash_and_stays(world: World) -> None:
    before = world.root.render("app-test", {"tyk": {"a": "1"}})
    world.edit("app-test", "tyk", "more", "x")
    after = world.root.render("app-test", {"tyk": {"a": "1"}})
    assert before != after
    assert world.text("app-test", "tyk", "more") == "x"


def test_files_of_templates_and_components_that_are_gone_go_unless_edited(world: World) -> None:
    world.root.render("app-test", {"tyk": {"a": "1", "b": "1"}, "pump": {"a": "1", "b": "1"}})
    world.edit("app-test", "pump", "b", "mine")
    world.root.render("app-test", {"tyk": {"a": "1"}})
    texts = {(c, f): world.text("app-test", c, f) for c in ("tyk", "pump") for f in ("a", "b")}
    assert texts == {
        ("tyk", "a"): "1",
        ("tyk", "b"): None,
        ("pump", "a"): None,
        ("pump", "b"): "mine",
    }


def test_a_removed_environment_starts_again(world: World) -> None:
    first = world.root.render("app-test", {"tyk": {"a": "1"}})
    world.edit("app-test", "tyk", "a", "mine")
    world.root.remove("app-test")
    world.root.remove("app-test")
    assert world.text("app-test", "tyk", "a") is None
    assert world.root.render("app-test", {"tyk": {"a": "1"}}) == first
