"""`gromit migrate` on a table and a zone of gromit v1, after which work continues."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gromit.core.names import environment_name
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@pytest.fixture
def stage(install: Callable[..., Stage]) -> Iterator[Stage]:
    """An installation with the data of gromit v1 only: no serve, and a root without a marker."""
    stage = install()
    marker = stage.ground.place.config / ".gromit-root"
    text = marker.read_bytes()
    marker.unlink()
    stage.client("dynamodb").create_table(
        TableName=stage.name,
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    yield stage
    marker.write_bytes(text)


def put(stage: Stage, name: str, state: str, **versions: str) -> None:
    """Put a flat row."""
    item = {
        attribute: {"S": value}
        for attribute, value in {"name": name, "state": state, **versions}.items()
    }
    stage.client("dynamodb").put_item(TableName=stage.name, Item=item)


def record(stage: Stage, name: str, kind: str, value: str) -> None:
    """Put a record into the zone."""
    entry = {
        "Name": f"{name}.{stage.facts.domain}",
        "Type": kind,
        "TTL": 60,
        "ResourceRecords": [{"Value": value}],
    }
    changes = [{"Action": "CREATE", "ResourceRecordSet": entry}]
    stage.client("route53").change_resource_record_sets(
        HostedZoneId=stage.facts.zone_id, ChangeBatch={"Changes": changes}
    )


def everything(stage: Stage) -> Any:
    """Return the table, its rows and the zone."""
    dynamodb, zone = stage.client("dynamodb"), stage.client("route53")
    table = dynamodb.describe_table(TableName=stage.name)["Table"]
    rows = sorted(dynamodb.scan(TableName=stage.name)["Items"], key=lambda item: str(item["name"]))
    records = zone.list_resource_record_sets(HostedZoneId=stage.facts.zone_id)["ResourceRecordSets"]
    expiry = dynamodb.describe_time_to_live(TableName=stage.name)["TimeToLiveDescription"]
    return (
        table.get("GlobalSecondaryIndexes"),
        expiry,
        rows,
        records,
        (stage.ground.place.config / ".gromit-root").exists(),
    )


def migrated(stage: Stage, *arguments: str) -> dict[tuple[str, str], str]:
    """Return the results of `gromit migrate` by kind and name."""
    lines = stage.gromit("migrate", *arguments, "-o", "json").json
    return {
        (
            line["what"],
            line["name"] + (line["action"][9:] if line["what"] == "table" else ""),
        ): line["action"]
        for line in lines
    }


@pytest.mark.long
def test_an_installation_of_the_earlier_system_is_taken_over_and_goes_on(stage: Stage) -> None:
    new, done, gone = stage.env("new"), stage.env("done"), stage.env("gone")
    build = stage.push("alpha", new)
    stage.push("beta", done)
    rows = {
        new: {"state": "new", "alpha": build.sha, "beta": "master"},
        done: {"state": "processed", "alpha": "sha-1", "beta": done},
        gone: {"state": "deleted", "alpha": "sha-2", "beta": "master"},
        "master": {"state": "processed", "alpha": "master", "beta": "master"},
        "Odd_Name": {"state": "new", "alpha": "master", "beta": ""},
        stage.env("odd"): {"state": "sown", "alpha": "master"},
        "release-300": {"state": "deleted", "alpha": "sha-3"},
    }
    for name, row in rows.items():
        put(stage, name, **row)
    record(stage, f"alpha.{done}", "A", "192.0.2.1")
    record(stage, f"alpha.{gone}", "A", "192.0.2.2")
    record(stage, "alpha.unknown", "A", "192.0.2.3")
    record(stage, "www", "CNAME", "elsewhere.example.com")
    before = everything(stage)

    refused = stage.gromit("serve", code=2, **stage.server)
    assert "gromit migrate --apply" in refused.err

    planned = migrated(stage)
    assert everything(stage) == before
    assert {action for (what, _), action in planned.items() if what == "table"} == {
        "would add index",
        "would add index of lifetimes",
        "would add expiry",
        "would add recovery",
    }
    assert planned["root", stage.root] == "would mark"
    assert {name: action for (what, name), action in planned.items() if what == "row"} == {
        **dict.fromkeys((new, done, gone, "master"), "would convert"),
        "Odd_Name": "would adopt",
        **dict.fromkeys((stage.env("odd"), "release-300"), "left alone"),
    }
    domain = stage.facts.domain
    assert {name: action for (what, name), action in planned.items() if what == "record"} == {
        f"_gromit.{done}.{domain}": "would write",
        f"_gromit.{gone}.{domain}": "would write",
        f"alpha.unknown.{domain}": "left alone",
    }

    applied = migrated(stage, "--apply")
    assert {key for key, action in applied.items() if action != "left alone"} >= {
        ("row", new),
        ("row", done),
        ("row", gone),
    }
    after = everything(stage)
    again = migrated(stage, "--apply")
    assert set(again.values()) == {"left alone"}, "nothing is left"
    assert everything(stage) == after

    stage.serve()
    for name in (new, done, gone, "master"):
        flat = stage.api.get(f"/env/{name}")
        assert flat == {"name": name, **rows[name]}, "clients see what they saw before"
    assert stage.look("master")["protected"]
    mapped = environment_name("Odd_Name")
    assert stage.work("sow").endings == {new: "done", mapped: "done"}, (
        "what was processed is left as it is, and what was deleted stays so"
    )
    assert stage.running("alpha", new) == build.sha
    assert stage.work("reap").endings == {gone: "done"}
    stage.work("chitragupta")
    assert stage.running("alpha", new, public=True) == build.sha
    records = stage.records()
    assert records[f"alpha.unknown.{domain}"] == ["192.0.2.3"], "another owner's"
    assert f"alpha.{gone}.{domain}" not in records, "reaped"
    assert f"alpha.{done}.{domain}" not in records, "ours now, and nothing of it runs"
    assert {r["Name"] for r in everything(stage)[3]} >= {f"www.{domain}."}

    newer = stage.build("alpha", done)
    assert stage.work("sow").endings == {done: "done"}
    assert stage.running("alpha", done) == newer.sha
    assert stage.api.get(f"/env/{done}")["beta"] == done, "a version that was there is never lost"
