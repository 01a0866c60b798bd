"""An open folder: no name leads out of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gromit.adapters.config_tree.folder import SafeFolder, open_folder
from gromit.errors import InvalidInput

OPERATIONS: dict[str, Callable[[SafeFolder, str], object]] = {
    "child": lambda folder, name: folder.child(name),
    "make": lambda folder, name: folder.child(name, make=True),
    "mode": lambda folder, name: folder.mode(name),
    "read": lambda folder, name: folder.read(name),
    "hash": lambda folder, name: folder.hash_of(name),
    "put": lambda folder, name: folder.put(folder.stage(b"x"), name),
    "put_new": lambda folder, name: folder.put_new(folder.stage(b"x"), name),
    "take": lambda folder, name: folder.put(name, "taken"),
    "remove": lambda folder, name: folder.remove(name),
    "remove_empty": lambda folder, name: folder.remove_folder(name),
    "remove_filled": lambda folder, name: folder.remove_folder(name, filled=True),
}


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../outside", "sub/../../outside", "sub/", "sub/file", "ABSOLUTE", "a\0b"],
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_not_plainly_one_name_is_refused_by_every_operation(
    tmp_path: Path, operation: str, name: str
) -> None:
    home = tmp_path / "home" / "folder"
    for path in (home / "sub", home.parent / "outside"):
        path.mkdir(parents=True)
        (path / "file").write_text("precious")
    with (
        open_folder(home) as folder,
        pytest.raises(InvalidInput, match="is not the name of a file or folder"),
    ):
        OPERATIONS[operation](folder, name.replace("ABSOLUTE", str(home.parent / "outside")))
    assert (
        (home / "sub" / "file").read_text()
        == (home.parent / "outside" / "file").read_text()
        == "precious"
    )
    assert sorted(p.name for p in home.parent.iterdir()) == ["folder", "outside"]


def test_a_folder_with_something_in_it_is_only_removed_if_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").touch()
    with open_folder(tmp_path) as folder:
        with pytest.raises(OSError, match="not empty"):
            folder.remove_folder("sub")
        folder.remove_folder("sub", filled=True)
    assert list(tmp_path.iterdir()) == []
