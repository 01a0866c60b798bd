"""Settings of simulated programs: files, variables that win over them, and all hosts in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from gromit.local.aws.simulated.settings import (
    Endpoint,
    ProgramSettings,
    SettingsUnreadable,
    config_file,
    read_settings,
)


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (["--conf=/conf/tyk.conf"], "/conf/tyk.conf"),
        (["--conf", "/conf/tyk.conf"], "/conf/tyk.conf"),
        (["-c", "/conf/tib.conf", "-p", "/conf/profiles.json"], "/conf/tib.conf"),
        (["/opt/tyk", "-conf", "a"], "a"),
        (["--conf"], None),
        (["redis-server"], None),
        ([], None),
    ],
)
def test_a_command_names_the_config_file(command: list[str], path: str | None) -> None:
    assert config_file(command) == path


def test_a_variable_wins_over_the_file_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text(json.dumps({"secret": "file", "storage": {"host": "a", "port": 1}, "n": 5}))
    variables = {
        "TYK_GW_SECRET": "variable",
        "TYK_GW_STORAGE_ADDRS": "b:1,c:2",
        "ODD": "true",
        "TYK_GW_OTHER": "not a key that counts",
    }
    keys = {("secret",): None, ("storage", "addrs"): None, ("new", "flag"): "ODD", ("n",): None}
    found = read_settings(str(file), variables, "TYK_GW_", keys)
    assert found.text("secret") == "variable"
    assert found.flag("new", "flag")
    assert found.number("n", default=1) == 5
    assert found.number("m", default=1) == 1
    assert found.text("storage") == found.text("other") == ""
    assert [(e.host, e.port) for e in found.endpoints()] == [("a", 1), ("b", 1), ("c", 2)]


def test_without_a_file_variables_are_all() -> None:
    found = read_settings(None, {"P_A_B": "x"}, "P_", {("a", "b"): None})
    assert found.text("a", "b") == "x"


@pytest.mark.parametrize("text", [None, "", "{", "[]", "\xff"])
def test_a_file_that_is_no_object_is_refused_by_its_name(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "x.conf"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsUnreadable, match=r"x\.conf"):
        read_settings(str(file), {}, "P_", {})


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (
            {"mongo_url": "mongodb://u:p@m1:27018,m2/db?x=1"},
            [("mongodb", "m1", 27018), ("mongodb", "m2", 27017)],
        ),
        ({"redis_host": "r", "redis_port": 7}, [("redis", "r", 7)]),
        ({"storage": {"host": "r"}}, [("redis", "r", 6379)]),
        ({"storage": {"addrs": ["r1:1", "r2"]}}, [("redis", "r1", 1), ("redis", "r2", 6379)]),
        ({"B": {"Hosts": {"r": "6379"}}}, [("redis", "r", 6379)]),
        ({"a": {"Host": "http://g", "Port": "8181"}}, [("http", "g", 8181)]),
        ({"a": {"Endpoint": "https://g"}}, [("https", "g", 443)]),
        ({"a": {"Endpoint": "http://g:1", "Port": "2"}}, [("http", "g", 1)]),
        ({"hostname": "public.example.com", "host": "", "x": [1], "y": None}, []),
        ({"storage": {"host": "r", "port": "x"}}, [("redis", "r", 0)]),
    ],
)
def test_all_hosts_are_found(tree: dict[str, Any], expected: list[tuple[str, str, int]]) -> None:
    assert [(e.kind, e.host, e.port) for e in ProgramSettings(tree).endpoints()] == expected


def test_a_host_is_named_by_its_key_once() -> None:
    tree = {"pumps": {"a": {"meta": {"mongo_url": "mongodb://m/x"}}}}
    assert ProgramSettings(tree).endpoints() == [
        Endpoint("pumps.a.meta.mongo_url", "mongodb", "m", 27017)
    ]
