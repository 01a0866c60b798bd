"""`gromit migrate` with rows and records of gromit v1 in the emulator."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gromit.adapters.config_tree.root import MARKER
from gromit.bootstrap.aws_session import session
from gromit.cli import run
from gromit.core.names import environment_name
from tests.web.serving import Emulator, emulator

__all__ = ["emulator"]

DOMAIN = "dev.example.com"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A table without an index, an empty zone, and a root without its marker."""

    emulator: Emulator
    table: str
    zone: str
    root: Path

    def put(self, name: str, **attributes: str) -> None:
        """Write a flat row."""
        item = {a: {"S": v} for a, v in {"name": name, **attributes}.items()}
        self.emulator.client("dynamodb").put_item(TableName=self.table, Item=item)

    def record(self, name: str) -> None:
        """Create an address record."""
        entry = {
            "Name": f"{name}.{DOMAIN}",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": "192.0.2.1"}],
        }
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": entry}]}
        self.emulator.client("route53").change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch=batch
        )

    def row(self, name: str) -> Any:
        """Return a row of the table."""
        return self.emulator.client("dynamodb").get_item(
            TableName=self.table, Key={"name": {"S": name}}
        )["Item"]

    def names(self) -> set[str]:
        """Return the names of all rows."""
        items = self.emulator.client("dynamodb").scan(TableName=self.table)["Items"]
        return {item["name"]["S"] for item in items}

    def texts(self) -> set[str]:
        """Return the names of the zone's TXT records."""
        sets = self.emulator.client("route53").list_resource_record_sets(HostedZoneId=self.zone)[
            "ResourceRecordSets"
        ]
        return {s["Name"].rstrip(".") for s in sets if s["Type"] == "TXT"}


@pytest.fixture
def earlier(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Earlier]:
    name = f"environments-{secrets.token_hex(4)}"
    emulator.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
    )
    zone = (
        emulator.client("route53")
        .create_hosted_zone(Name=DOMAIN, CallerReference=name)["HostedZone"]["Id"]
        .rpartition("/")[2]
    )
    (tmp_path / "config").mkdir()
    own = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GROMIT_TABLENAME": name,
        "GROMIT_ROOT": str(tmp_path / "config"),
        "GROMIT_CLUSTER_ZONEID": zone,
        "GROMIT_CLUSTER_DOMAIN": f"{DOMAIN.title()}.",
    }
    for variable, value in {**emulator.environ, **own}.items():
        monkeypatch.setenv(variable, value)
    session.cache_clear()
    yield Earlier(emulator, name, zone, tmp_path / "config")
    session.cache_clear()


def test_a_dry_run_shows_every_step_with_its_reason_and_does_none(
    earlier: Earlier, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier.put("app", state="processed", tyk="sha-1")
    earlier.put("Odd", state="new")
    earlier.put("release-300", state="deleted", tyk="sha-1")
    earlier.record("tyk.app")
    assert run(["migrate", "-o", "json"]) == 0
    shown = capsys.readouterr()
    lines = json.loads(shown.out)
    assert [(line["what"], line["name"], line["action"]) for line in lines] == [
        ("table", earlier.table, "would add index"),
        ("table", earlier.table, "would add index of lifetimes"),
        ("table", earlier.table, "would add expiry"),
        ("table", earlier.table, "would add recovery"),
        ("root", str(earlier.root), "would mark"),
        ("row", "app", "would convert"),
        ("row", "Odd", "would adopt"),
        ("row", "release-300", "left alone"),
        ("database", "tyk_analytics-Odd", "would be unused"),
        ("record", f"_gromit.app.{DOMAIN}", "would write"),
    ]
    assert all(line["why"] for line in lines)
    assert "run `gromit migrate --apply` to migrate" in shown.err
    assert set(earlier.row("app")) == {"name", "state", "tyk"}
    assert (earlier.texts(), list(earlier.root.iterdir())) == (set(), [])


def test_apply_does_it_and_a_second_time_there_is_nothing_left(
    earlier: Earlier, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier.put("app", state="processed", tyk="sha-1")
    earlier.record("tyk.app")
    assert run(["migrate", "--apply"]) == 0
    shown = capsys.readouterr()
    assert (shown.err + shown.out).count("converted") == 1
    assert "does it" not in shown.err
    assert earlier.row("app")["v#tyk"] == {"S": "sha-1"}
    assert (earlier.texts(), (earlier.root / MARKER).is_file()) == ({f"_gromit.app.{DOMAIN}"}, True)
    for arguments in (["migrate"], ["migrate", "--apply"]):
        assert run(arguments) == 0
        shown = capsys.readouterr()
        assert shown.out == "nothing is left to migrate\n"
        assert "nothing was changed" not in shown.err


def test_another_root_may_be_marked(earlier: Earlier, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert run(["migrate", "--apply", "--root", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / MARKER).is_file()
    assert list(earlier.root.iterdir()) == []


def test_a_root_that_is_not_there_is_not_made_and_everything_else_is_done(
    earlier: Earlier, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = earlier.root / "unmounted"
    monkeypatch.setenv("GROMIT_ROOT", str(missing))
    earlier.put("app", state="processed", tyk="sha-1")
    for arguments in (["migrate"], ["migrate", "--apply"]):
        assert run([*arguments, "-o", "json"]) == 0
        (line,) = (line for line in json.loads(capsys.readouterr().out) if line["what"] == "root")
        assert (line["name"], line["action"]) == (str(missing), "left alone")
        assert "mount the volume" in line["why"]
        assert not missing.exists()
    assert earlier.row("app")["v#tyk"] == {"S": "sha-1"}


def test_another_programs_table_is_left_alone(
    earlier: Earlier, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"other-{secrets.token_hex(4)}"
    earlier.emulator.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    monkeypatch.setenv("GROMIT_TABLENAME", name)
    assert run(["migrate", "--apply"]) == 1
    shown = capsys.readouterr()
    assert f"table {name} has another key than `name`" in shown.err
    assert "check GROMIT_TABLENAME" in shown.err
    assert list(earlier.root.iterdir()) == []


def test_the_wrong_zone_is_noticed_before_a_record_is_written(
    earlier: Earlier, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GROMIT_CLUSTER_DOMAIN", "dev.example.org")
    earlier.put("app", state="processed", tyk="sha-1")
    assert run(["migrate"]) == 2
    assert (
        f"zone {earlier.zone} is for {DOMAIN}, not for dev.example.org" in capsys.readouterr().err
    )


def test_a_decision_about_a_deleted_release_branch_is_carried_out(
    earlier: Earlier, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("release-300", "release-310", "release-320"):
        earlier.put(name, state="deleted", tyk="sha-1")
    assert run(["migrate", "--apply", "--reap", "release-31*", "--keep", "release-320"]) == 0
    shown = capsys.readouterr()
    assert "environments that reap destroys after the grace period: 1" in shown.err
    assert "1 row with a protected name, deleted in gromit v1" in shown.out
    assert earlier.row("release-300")["state"] == {"S": "deleted"}
    assert earlier.row("release-310")["want"] == {"S": "gone"}
    assert earlier.row("release-320")["want"] == {"S": "up"}
    assert run(["migrate", "--keep", "release-300", "--reap", "release-300"]) == 2
    assert "give --keep or --reap, not both" in capsys.readouterr().err


def test_a_row_is_moved_to_the_name_that_gromit_gives_its_branch(
    earlier: Earlier, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier.put("TT-1234_fix", state="processed", tyk="sha-1")
    assert run(["migrate", "--apply", "-o", "json"]) == 0
    (line,) = (line for line in json.loads(capsys.readouterr().out) if line["what"] == "row")
    assert (line["name"], line["action"]) == ("TT-1234_fix", "adopted")
    name = environment_name("TT-1234_fix")
    assert earlier.row(name)["v#tyk"] == {"S": "sha-1"}
    assert earlier.names() == {name}


def test_it_lists_what_it_would_leave_unused_and_says_so_once(
    earlier: Earlier, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier.put("app", state="processed", tyk="sha-1")
    earlier.put("TT-1234_fix", state="processed", tyk="sha-1")
    for path in ("app/tyk/tyk.conf", "app/portal/portal.conf", "TT-1234_fix/tyk/tyk.conf"):
        (earlier.root / path).parent.mkdir(parents=True)
        (earlier.root / path).write_text("{}")
    before = sorted(earlier.root.rglob("*"))
    unused = {
        ("config", "portal/"),
        ("config", "TT-1234_fix"),
        ("database", "tyk_analytics-TT-1234_fix"),
    }
    assert run(["migrate", "-o", "json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    shown = {(x["what"], x["name"]) for x in lines if x["action"] == "would be unused"}
    assert shown == unused
    assert run(["migrate", "--apply", "-o", "json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {(x["what"], x["name"]) for x in lines if x["action"] == "unused"} == unused
    assert sorted(earlier.root.rglob("*")) == sorted([*before, earlier.root / MARKER])
    assert run(["migrate"]) == 0
    assert capsys.readouterr().out == "nothing is left to migrate\n"


def test_the_way_back_gives_v1_its_rows_and_the_way_there_goes_again(
    earlier: Earlier, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {
        "app": {"state": "processed", "tyk": "sha-1", "tyk-pump": "master"},
        "next": {"state": "new", "tyk": "sha-2"},
        "old": {"state": "deleted", "tyk": "sha-3"},
    }
    for name, attributes in rows.items():
        earlier.put(name, **attributes)
    before = {name: earlier.row(name) for name in rows}
    assert run(["migrate", "--apply"]) == 0
    converted = {name: set(earlier.row(name)) for name in rows}
    assert run(["migrate", "--back", "-o", "json"]) == 0
    capsys.readouterr()
    assert run(["migrate", "--back", "-o", "json"]) == 0
    shown = capsys.readouterr()
    assert {line["name"]: (line["action"], line["why"]) for line in json.loads(shown.out)} == {
        "app": ("would return", "becomes processed"),
        "next": ("would return", "becomes new"),
        "old": ("would return", "becomes deleted"),
    }
    assert "run `gromit migrate --back --apply` to go back" in shown.err
    assert {name: set(earlier.row(name)) for name in rows} == converted
    assert run(["migrate", "--back", "--apply"]) == 0
    assert {name: earlier.row(name) for name in rows} == before
    capsys.readouterr()
    assert run(["migrate", "--back", "--apply"]) == 0
    assert capsys.readouterr().out == "no row is left to return\n"
    assert run(["migrate", "--apply"]) == 0
    assert {name: set(earlier.row(name)) for name in rows} == converted


def test_the_way_back_takes_no_decisions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate", "--back", "--keep", "app"]) == 2
    assert "--back excludes --keep and --reap" in capsys.readouterr().err
