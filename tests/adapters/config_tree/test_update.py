"""Config folders keep people's files and follow templates, however often they are interrupted."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from gromit.adapters.config_tree.folder import config_hash
from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.errors import ConfigRootUnusable, Temporary


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    init_root(path)
    return path


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "app-test" / "tyk"


def _render(root: Path, **files: str) -> str:
    """Render one component's files (`tyk_conf` is `tyk.conf`), and return its hash."""
    return ConfigTree(root).render(
        "app-test", {"tyk": {name.replace("_", "."): text for name, text in files.items()}}
    )["tyk"]


def _files(folder: Path) -> Mapping[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir() if p.name != ".gromit.json"}


def _hash(**files: bytes) -> str:
    """Compute the folder hash by its definition, independently of the product."""
    total = hashlib.sha256()
    for name, content in sorted(files.items()):
        total.update(
            name.replace("_", ".").encode() + b"\0" + len(content).to_bytes(8, "big") + content
        )
    return total.hexdigest()


def test_files_are_written_readable_for_every_container_whatever_the_umask(
    root: Path, folder: Path
) -> None:
    old = os.umask(0o077)
    try:
        found = _render(root, tyk_conf="{}", b="é")
    finally:
        os.umask(old)
    assert _files(folder) == {"tyk.conf": "{}", "b": "é"}
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o644}
    assert {p.stat().st_mode & 0o777 for p in (folder, folder.parent)} == {0o755}
    assert found == _hash(tyk_conf=b"{}", b="é".encode()) == config_hash(folder)


def test_rendering_the_same_again_touches_nothing(root: Path, folder: Path) -> None:
    first = _render(root, tyk_conf="{}")
    before = [(p.name, p.stat().st_ino, p.stat().st_mtime_ns) for p in sorted(folder.iterdir())]
    assert _render(root, tyk_conf="{}") == first
    assert [
        (p.name, p.stat().st_ino, p.stat().st_mtime_ns) for p in sorted(folder.iterdir())
    ] == before


def test_an_untouched_file_follows_its_template(root: Path, folder: Path) -> None:
    first = _render(root, tyk_conf="1")
    assert _render(root, tyk_conf="2") != first
    assert _files(folder) == {"tyk.conf": "2"}


def test_a_file_that_a_person_changed_is_kept_until_they_remove_it(
    root: Path, folder: Path
) -> None:
    _render(root, tyk_conf="1")
    (folder / "tyk.conf").write_text("mine")
    for text in ("1", "2", "3"):
        assert _render(root, tyk_conf=text) == _hash(tyk_conf=b"mine")
    (folder / "tyk.conf").unlink()
    _render(root, tyk_conf="3")
    assert _files(folder) == {"tyk.conf": "3"}


def test_an_edit_that_is_taken_back_follows_the_template_again(root: Path, folder: Path) -> None:
    _render(root, tyk_conf="1")
    (folder / "tyk.conf").write_text("mine")
    _render(root, tyk_conf="2")
    (folder / "tyk.conf").write_text("1")
    _render(root, tyk_conf="2")
    assert _files(folder) == {"tyk.conf": "2"}


def test_going_back_to_an_older_rendering_by_hand_is_an_edit(root: Path, folder: Path) -> None:
    _render(root, tyk_conf="1")
    _render(root, tyk_conf="2")
    (folder / "tyk.conf").write_text("1")
    _render(root, tyk_conf="2")
    assert _files(folder) == {"tyk.conf": "1"}


def test_a_file_that_was_there_before_gromit_is_kept(root: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "tyk.conf").write_text("first")
    _render(root, tyk_conf="1")
    assert _files(folder) == {"tyk.conf": "first"}


def test_a_template_that_is_gone_takes_its_untouched_file_along_and_leaves_an_edited_one(
    root: Path, folder: Path
) -> None:
    _render(root, a="1", b="1", c="1")
    (folder / "b").write_text("mine")
    _render(root, c="1")
    assert _files(folder) == {"b": "mine", "c": "1"}
    _render(root, b="2", c="1")
    assert _files(folder) == {"b": "mine", "c": "1"}


def test_a_component_that_is_gone_takes_its_folder_along_unless_a_person_has_something_in_it(
    root: Path,
) -> None:
    tree = ConfigTree(root)
    tree.render("app-test", {"tyk": {"a": "1"}, "pump": {"a": "1"}, "sink": {"a": "1"}})
    (root / "app-test" / "sink" / "mine").write_text("mine")
    (root / "app-test" / "own").mkdir()
    assert tree.render("app-test", {"tyk": {"a": "1"}}).keys() == {"tyk"}
    assert sorted(p.name for p in (root / "app-test").iterdir()) == ["own", "sink", "tyk"]
    assert _files(root / "app-test" / "sink") == {"mine": "mine"}


def test_what_people_add_counts_in_the_hash_but_links_and_our_notes_do_not(
    root: Path, folder: Path
) -> None:
    bare = _render(root, tyk_conf="{}")
    (folder / "link").symlink_to("/etc/hostname")
    (folder / "loop").symlink_to(".")
    (folder / ".gromit-note").write_text("x")
    (folder / ".gromit.d").mkdir()
    (folder / ".gromit.d" / "x").write_text("x")
    os.mkfifo(folder / "pipe")
    assert config_hash(folder) == bare
    (folder / "sub").mkdir()
    (folder / "sub" / "more").write_text("m")
    content = (
        b"sub/more\0"
        + (1).to_bytes(8, "big")
        + b"m"
        + b"tyk.conf\0"
        + (2).to_bytes(8, "big")
        + b"{}"
    )
    assert _render(root, tyk_conf="{}") == hashlib.sha256(content).hexdigest()


def test_a_folder_that_is_not_there_hashes_like_an_empty_one(tmp_path: Path) -> None:
    assert config_hash(tmp_path / "nothing") == config_hash(tmp_path) == _hash()


def test_a_link_or_folder_in_place_of_a_file_is_a_persons_and_is_not_followed(
    root: Path, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    _render(root, a="1", b="1")
    for name in ("a", "b"):
        (folder / name).unlink()
    (folder / "a").symlink_to(outside)
    (folder / "b").mkdir()
    _render(root, a="2", b="2")
    assert outside.read_text() == "precious"
    assert (folder / "a").is_symlink()
    assert (folder / "b").is_dir()


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"rendered": 3}', '{"rendered": {"a": 7}}', '{"other": {}}', "\udcff"]
)
def test_with_an_unreadable_note_everything_that_differs_is_kept(
    root: Path, folder: Path, note: str
) -> None:
    _render(root, a="1", b="1")
    (folder / ".gromit.json").write_bytes(note.encode(errors="surrogateescape"))
    (folder / "a").write_text("mine")
    _render(root, a="2", b="1")
    assert _files(folder) == {"a": "mine", "b": "1"}
    _render(root, a="2", b="3")
    assert _files(folder) == {"a": "mine", "b": "3"}


@pytest.mark.parametrize("on_disk", ["1", "2"])
def test_a_run_that_was_killed_between_its_note_and_its_file_is_not_taken_for_an_edit(
    root: Path, folder: Path, on_disk: str
) -> None:
    _render(root, a="1")
    hashes = [hashlib.sha256(text).hexdigest() for text in (b"1", b"2")]
    (folder / ".gromit.json").write_text(json.dumps({"rendered": {"a": hashes}}))
    (folder / "a").write_text(on_disk)
    _render(root, a="3")
    assert _files(folder) == {"a": "3"}


_LOOP = """
import sys
from pathlib import Path
from gromit.adapters.config_tree.root import ConfigTree
tree = ConfigTree(Path(sys.argv[1]))
print("begun", flush=True)
for number in range(10**6):
    tyk = {"a": f"{number} " * 200, "b": f"{number}"}
    tree.render("app-test", {"tyk": tyk, "pump": {"c": f"{number}"}})
"""


def test_killed_at_any_moment_the_next_run_ends_with_whole_files_and_takes_none_for_an_edit(
    root: Path,
) -> None:
    for milliseconds in (1, 3, 7, 11, 19, 23):
        child = subprocess.Popen(
            [sys.executable, "-c", _LOOP, str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdout is not None
        with child:
            assert child.stdout.readline() == b"begun\n"
            threading.Event().wait(milliseconds / 1000)
            child.send_signal(signal.SIGKILL)
        ConfigTree(root).render("app-test", {"tyk": {"a": "end", "b": "end"}, "pump": {"c": "end"}})
        assert _files(root / "app-test" / "tyk") == {"a": "end", "b": "end"}
        assert _files(root / "app-test" / "pump") == {"c": "end"}


class _Disk:
    """Writes like `os.write` up to `room` bytes, and then fails with `error`."""

    def __init__(self, room: int, error: int) -> None:
        self._room = room
        self._error = error

    def __call__(self, fd: int, data: bytes) -> int:
        if self._room <= 0:
            raise OSError(self._error, os.strerror(self._error))
        taken = os.write(fd, data[: self._room])
        self._room -= taken
        return taken


@pytest.mark.parametrize("room", [0, 1, 100, 250, 400])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(errno.ENOSPC, Temporary), (errno.EDQUOT, Temporary), (errno.EIO, ConfigRootUnusable)],
)
def test_a_full_or_broken_disk_is_noticed_before_a_file_has_changed(
    root: Path, room: int, error: int, raised: type[Exception]
) -> None:
    files = {"tyk": {"a": "1", "b": "1"}, "pump": {"c": "1"}}
    ConfigTree(root).render("app-test", files)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    changed = {name: dict.fromkeys(texts, "2" * 150) for name, texts in files.items()}
    with pytest.raises(raised, match="app-test"):
        ConfigTree(root, write=_Disk(room, error)).render("app-test", changed)
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before
    ConfigTree(root).render("app-test", changed)
    assert _files(root / "app-test" / "pump") == {"c": "2" * 150}


def test_a_disk_that_takes_a_byte_at_a_time_gets_whole_files(root: Path, folder: Path) -> None:
    tree = ConfigTree(root, write=lambda fd, data: os.write(fd, data[:1]))
    tree.render("app-test", {"tyk": {"a": "whole"}})
    assert _files(folder) == {"a": "whole"}


def test_what_a_person_saves_while_gromit_writes_is_kept(root: Path, folder: Path) -> None:
    _render(root, a="1")
    saves = iter(["saved just now"])

    def write(fd: int, data: bytes) -> int:
        for text in saves:
            (folder / "a").write_text(text)
        return os.write(fd, data)

    found = ConfigTree(root, write=write).render("app-test", {"tyk": {"a": "2"}})["tyk"]
    assert _files(folder) == {"a": "saved just now"}
    assert found == _hash(a=b"saved just now") == _render(root, a="3")


def test_several_environments_are_rendered_at_once(root: Path) -> None:
    tree = ConfigTree(root)
    hashes: dict[str, str] = {}

    def render(name: str) -> None:
        for number in range(20):
            hashes[name] = tree.render(name, {"tyk": {"a": f"{name} {number}"}})["tyk"]

    threads = [threading.Thread(target=render, args=(f"env-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hashes == {f"env-{n}": _hash(a=f"env-{n} 19".encode()) for n in range(4)}


_ON_A_SMALL_DISK = """
import os, sys
from pathlib import Path
from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.errors import GromitError
root = Path(sys.argv[1])
init_root(root)
tree = ConfigTree(root)
tree.render("app-test", {"tyk": {"a": "1"}})
for files in ({"a": "2" * 500_000}, {"a": "2", "b": "2" * 500_000}):
    try:
        tree.render("app-test", {"tyk": files})
    except GromitError as error:
        tyk = root / "app-test/tyk"
        print(">", error.code, (tyk / "a").read_text(), sorted(p.name for p in tyk.iterdir()))
os.system(f"mount -o remount,ro {root}")
render = lambda: tree.render("app-test", {"tyk": {"a": "3"}})
for attempt in (render, lambda: tree.remove("app-test")):
    try:
        attempt()
    except GromitError as error:
        print(">", error.code, (root / "app-test/tyk/a").read_text())
tree.check()
print("> and reading goes on")
"""


def test_a_really_full_and_a_really_read_only_disk(tmp_path: Path) -> None:
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=256k none {tmp_path}"
    if (
        shutil.which("unshare") is None
        or subprocess.run([*inside, mount], capture_output=True, check=False).returncode
    ):
        pytest.skip("no user namespaces here: a disk cannot be mounted without privileges")
    command = f'{mount} && exec "{sys.executable}" - "{tmp_path}"'
    run = subprocess.run(
        [*inside, command], input=_ON_A_SMALL_DISK, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    unchanged = "temporary 1 ['.gromit.json', 'a']"
    lines = [line.removeprefix("> ") for line in run.stdout.splitlines() if line.startswith("> ")]
    assert lines == [
        unchanged,
        unchanged,
        "root_unusable 1",
        "root_unusable 1",
        "and reading goes on",
    ]
