"""Config files, folders and databases that a migration from gromit v1 leaves unused."""

import re
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from gromit.adapters.catalogue.file import load_catalogue
from gromit.core.environments.history import ChangeContext
from gromit.core.migration.orphans import ConfigTexts, find_orphans
from gromit.core.migration.rows import MigrationDefaults, MigrationFacts, RowMigration, plan_row
from gromit.core.names import environment_name
from gromit.core.stack.catalogue import Catalogue, Component

SHIPPED = load_catalogue()
TERMS = MigrationDefaults(SHIPPED, ChangeContext("migrate:alice@bastion", 1), 3_600_000, "i-1")
RENAMED = environment_name("TT-1234_fix")


def _tree(environment: str) -> Mapping[str, Mapping[str, str]]:
    """Return the folder that gromit v1 made for an environment, in short."""
    mongo = f'{{"mongo_url": "mongodb://mongo.dev.example.com:27017/tyk_analytics-{environment}"}}'
    return {
        "tyk": {"tyk.conf": "{}"},
        "tyk-analytics": {"tyk-analytics.conf": mongo},
        "tyk-pump": {"tyk-pump.conf": mongo},
    }


def _migration(name: str, state: str = "processed") -> RowMigration:
    step = plan_row({"name": name, "state": state}, MigrationFacts(protected=False), TERMS)
    assert isinstance(step, RowMigration)
    return step


def _found(
    tree: ConfigTexts,
    *rows: RowMigration,
    others: Collection[str] = (),
    catalogue: Catalogue = SHIPPED,
) -> dict[tuple[str, str], str]:
    orphans = find_orphans(rows or [_migration("app")], others, tree, catalogue, "/config")
    assert len({(o.what, o.name, o.why) for o in orphans}) == len(orphans)
    return {(o.what, o.name): o.why for o in orphans}


def test_a_tree_of_gromit_v1_stays_in_use_as_it_is() -> None:
    assert _found({"app": _tree("app")}) == {}


def test_nothing_is_unused_where_nothing_is_migrated_or_no_tree_is_mounted() -> None:
    assert find_orphans([], [], {"x": _tree("x")}, SHIPPED, "/config") == ()
    assert _found({}) == {}


def test_the_folder_of_a_component_that_the_catalogue_lacks_is_unused_once_for_all() -> None:
    names = [f"app-{n}" for n in range(7)]
    tree = {name: {**_tree(name), "portal": {"portal.conf": "{}"}} for name in names}
    assert _found(tree, *map(_migration, names)) == {
        ("config", "portal/"): "the catalogue has no component portal"
        " (in app-0, app-1, app-2, app-3, app-4 and 2 more)"
    }


def test_a_folder_that_no_container_sees_is_unused() -> None:
    tree = {"app": {**_tree("app"), "redis": {"redis.conf": "save"}}}
    assert "redis has no config_path" in _found(tree)["config", "redis/"]


@pytest.mark.parametrize("file", ["pump.conf", "tyk-pump.conf.orig", "my-tyk-pump.conf"])
def test_a_file_that_nothing_names_is_unused(file: str) -> None:
    tree = _tree("app")
    tree = {**tree, "tyk-pump": {**tree["tyk-pump"], file: "{}"}}
    found = _found({"app": tree})
    assert set(found) == {("config", f"tyk-pump/{file}")}
    assert found["config", f"tyk-pump/{file}"].endswith("names it (in app)")


def test_a_file_that_an_edited_file_names_is_in_use_and_gromits_own_are_no_files() -> None:
    files = {"tyk.conf": '{"cert": "/conf/server.crt"}', "server.crt": "x", ".gromit.json": "{}"}
    assert _found({"app": {**_tree("app"), "tyk": files}}) == {}


def test_a_renamed_environment_leaves_its_folder_and_its_database() -> None:
    found = _found({"TT-1234_fix": _tree("TT-1234_fix")}, _migration("TT-1234_fix"))
    assert set(found) == {("config", "TT-1234_fix"), ("database", "tyk_analytics-TT-1234_fix")}
    assert found["config", "TT-1234_fix"] == (
        f"the environment is {RENAMED} from now on. To keep edited files, run"
        f" `cp -aT /config/TT-1234_fix /config/{RENAMED}` before sow, and correct the files that"
        f" `grep -rlFe TT-1234_fix /config/{RENAMED}` lists"
    )
    assert f"uses tyk_analytics-{RENAMED}" in found["database", "tyk_analytics-TT-1234_fix"]


def test_a_deleted_environment_leaves_nothing_unless_it_is_renamed() -> None:
    gone = _migration("gone", "deleted")
    assert _found({"gone": {**_tree("gone"), "portal": {}}}, gone) == {}
    found = _found({"TT_1": _tree("TT_1")}, _migration("TT_1", "deleted"))
    assert len(found) == 2
    assert found["config", "TT_1"] == "reap does not remove it: `rm -r /config/TT_1`"


@pytest.mark.parametrize("name", ["TT-1234_fix", "it's_$HOME", "-rf_x y"])
def test_the_commands_for_a_folder_do_what_they_say(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "tyk").mkdir(parents=True)
    (tmp_path / name / "tyk" / "tyk.conf").write_text(f"redis.{name}.internal")
    (tmp_path / name / "tyk" / "own.conf").write_text("{}")
    orphans = find_orphans([_migration(name)], [], {name: _tree(name)}, SHIPPED, root=str(tmp_path))
    (why,) = [orphan.why for orphan in orphans if orphan.what == "config"]
    copy, grep = re.findall(r"`([^`]+)`", why)
    for _ in range(2):
        subprocess.run(["sh", "-c", copy], check=True)
    copied = tmp_path / environment_name(name) / "tyk"
    assert sorted(path.name for path in copied.iterdir()) == ["own.conf", "tyk.conf"]
    named = subprocess.run(["sh", "-c", grep], check=True, capture_output=True, text=True)
    assert named.stdout.split("\n") == [str(copied / "tyk.conf"), ""]


def test_folders_without_a_row_are_counted_in_one_line() -> None:
    tree = {name: _tree(name) for name in ("app", "other", *(f"old-{n}" for n in range(6)))}
    found = _found(tree, _migration("app"), others=["other"])
    assert list(found) == [("config", "old-0, old-1, old-2, old-3, old-4 and 1 more")]


def test_databases_of_a_catalogue_with_other_names_are_unused_in_one_line() -> None:
    pump = Component(
        name="tyk-pump",
        repository="tyk-pump",
        config_path="/conf",
        templates={"tyk-pump.conf": "mongodb://{{ platform.mongo }}/mine-{{ env }}"},
    )
    mine = Catalogue({"tyk-pump": pump})
    rows = [_migration("app"), _migration("app-2")]
    assert list(_found({}, *rows, catalogue=mine)) == [
        ("database", "tyk_analytics-app, tyk_analytics-app-2")
    ]
    # A file that exists counts, as gromit keeps it.
    kept = {name: {"tyk-pump": _tree(name)["tyk-pump"]} for name in ("app", "app-2")}
    assert _found(kept, *rows, catalogue=mine) == {}
    # The name of one is the beginning of that of the other.
    kept["app"] = kept["app-2"]
    assert list(_found(kept, *rows, catalogue=mine)) == [("database", "tyk_analytics-app")]


def test_without_a_url_of_mongo_a_secret_may_name_the_database() -> None:
    bare = Component(name="tyk-pump", repository="tyk-pump", config_path="/conf")
    assert _found({}, catalogue=Catalogue({"tyk-pump": bare})) == {}
