"""`gromit migrate` without a table, and with a table without an index, on the emulator."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gromit.bootstrap.aws_session import session
from gromit.bootstrap.migrate import _waiting
from gromit.cli import run
from tests.web.serving import Emulator, emulator

__all__ = ["emulator"]


@pytest.fixture
def table(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Name of a missing table. Commands of this process use the emulator."""
    name = f"environments-{secrets.token_hex(4)}"
    own = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GROMIT_TABLENAME": name,
        "GROMIT_ROOT": str(tmp_path / "root"),
    }
    for variable, value in {**emulator.environ, **own}.items():
        monkeypatch.setenv(variable, value)
    (tmp_path / "root").mkdir()
    session.cache_clear()
    yield name
    session.cache_clear()


def _described(emulator: Emulator, name: str) -> Any:
    dynamodb = emulator.client("dynamodb")
    try:
        return dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None


def test_a_missing_table_is_announced_then_made_then_left(
    emulator: Emulator, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["migrate"]) == 0
    shown = capsys.readouterr()
    assert ["table", table, "would", "make", "table"] in [
        line.split()[:5] for line in shown.out.splitlines()
    ]
    assert "nothing was changed" in shown.err
    assert _described(emulator, table) is None

    assert run(["migrate", "--apply"]) == 0
    shown = capsys.readouterr()
    assert ["table", table, "made", "table"] in [
        line.split()[:4] for line in shown.out.splitlines()
    ]
    assert f"making table {table}" in shown.err
    assert _described(emulator, table)["GlobalSecondaryIndexes"]

    assert run(["migrate", "--apply"]) == 0
    assert capsys.readouterr().out == "nothing is left to migrate\n"


def test_an_index_that_is_added_is_lines_of(
    emulator: Emulator, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
    )
    assert run(["migrate"]) == 0
    assert "adding" not in capsys.readouterr().err
    assert run(["migrate", "--apply"]) == 0
    shown = capsys.readouterr()
    assert f"adding index to table {table}; this may take minutes" in shown.err
    assert "added index" in shown.out
    assert _described(emulator, table)["GlobalSecondaryIndexes"]


def test_the_wait_for_an_index_is_reported() -> None:
    lines, slept = list[str](), list[float]()
    pause = _waiting("t", lines.append, slept.append)
    pause(5.0)
    pause(5.0)
    assert slept == [5.0, 5.0]
    assert lines == [
        "waiting for the index of table t: 5 s",
        "waiting for the index of table t: 10 s",
    ]
