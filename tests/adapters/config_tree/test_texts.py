"""Texts of the config files in a tree that need not be gromit's."""

from pathlib import Path

import pytest

from gromit.adapters.config_tree.texts import read_config_texts, read_environment_texts
from gromit.errors import Conflict, InvalidInput


def _write(root: Path, path: str, content: bytes = b"x") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


def test_files_are_read_by_environment_and_component(tmp_path: Path) -> None:
    _write(tmp_path, "app/tyk/tyk.conf", b"{}")
    _write(tmp_path, "TT-1_fix/tyk-pump/tyk-pump.conf", b"\xff")
    (tmp_path / "app" / "bare").mkdir()
    assert read_config_texts(tmp_path) == {
        "app": {"tyk": {"tyk.conf": "{}"}, "bare": {}},
        "TT-1_fix": {"tyk-pump": {"tyk-pump.conf": "\ufffd"}},
    }


def test_links_subfolders_hidden_folders_and_other_files_are_left_out(tmp_path: Path) -> None:
    _write(tmp_path, "noprocess")
    _write(tmp_path, ".hidden/tyk/tyk.conf")
    _write(tmp_path, "app/README")
    _write(tmp_path, "app/tyk/apps/one.json")
    _write(tmp_path, "app/tyk/tyk.conf")
    (tmp_path / "link").symlink_to(tmp_path / "app")
    (tmp_path / "app" / "tyk" / "link.conf").symlink_to(tmp_path / "noprocess")
    assert read_config_texts(tmp_path) == {"app": {"tyk": {"tyk.conf": "x"}}}


def test_a_root_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert read_config_texts(tmp_path / "missing") == {}
    _write(tmp_path, "file")
    assert read_config_texts(tmp_path / "file") == {}


def test_files_of_one_environment_are_read_by_component(tmp_path: Path) -> None:
    _write(tmp_path, "app/tyk/tyk.conf", b"{}")
    _write(tmp_path, "other/tyk/tyk.conf")
    assert read_environment_texts(tmp_path, "app") == {"tyk": {"tyk.conf": "{}"}}
    assert read_environment_texts(tmp_path, "missing") is None
    assert read_environment_texts(tmp_path / "missing", "app") is None


def test_only_a_folder_with_a_plain_name_is_an_environment(tmp_path: Path) -> None:
    _write(tmp_path, "app/tyk/tyk.conf")
    (tmp_path / "link").symlink_to(tmp_path / "app")
    with pytest.raises(Conflict):
        read_environment_texts(tmp_path, "link")
    with pytest.raises(InvalidInput):
        read_environment_texts(tmp_path, "app/tyk")
