"""The root of the config tree: marker, suspension file, and no way out of the tree."""

import ctypes
import errno
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gromit.adapters.config_tree.root import MARKER, ConfigTree, init_root, mark_new_root
from gromit.adapters.config_tree.suspension import Suspension
from gromit.errors import ConfigRootUnusable, Conflict, Denied, GromitError, InvalidInput, Suspended
from tests.logs import lines_about
from tests.waiting import PATIENCE_S

UNPRIVILEGED_UID = 65534
_LIBC = ctypes.CDLL(None)
ME = Suspension("moving mongo", by="alice@bastion", at="2026-01-31T08:15:00Z")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    init_root(path)
    return path


@contextmanager
def _unprivileged() -> Iterator[None]:
    """Run a block as an ordinary user, also if the tests run as root.

    This thread alone: servers of other tests go on reading their files.
    """
    if os.geteuid() != 0:
        yield
        return
    _LIBC.setfsuid(UNPRIVILEGED_UID)
    try:
        yield
    finally:
        _LIBC.setfsuid(0)


def test_a_root_with_its_marker_lets_work_go_on(root: Path) -> None:
    ConfigTree(root).check()


def test_making_a_root_makes_folders_and_says_whether_it_was_one_before(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert [init_root(path), init_root(path)] == [True, False]
    ConfigTree(path).check()
    assert [p.name for p in path.iterdir()] == [MARKER]


def _marker_is_a_folder(root: Path) -> None:
    (root / MARKER).unlink()
    (root / MARKER).mkdir()


def _marker_is_a_link(root: Path) -> None:
    (root / MARKER).rename(root / "elsewhere")
    (root / MARKER).symlink_to("elsewhere")


def _marker_is_gone(root: Path) -> None:
    (root / MARKER).unlink()


def _root_is_gone(root: Path) -> None:
    root.rename(root.with_name("gone"))


def _root_is_a_file(root: Path) -> None:
    (root / MARKER).unlink()
    root.rmdir()
    root.touch()


@pytest.mark.parametrize(
    "spoil",
    [_marker_is_gone, _marker_is_a_folder, _marker_is_a_link, _root_is_a_file, _root_is_gone],
)
def test_a_root_without_a_proper_marker_is_not_usable_and_nothing_is_written_to_it(
    root: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(root)
    before = sorted(root.parent.rglob("*"))
    tree = ConfigTree(root)
    for attempt in (
        tree.check,
        lambda: tree.render("app-test", {"tyk": {"tyk.conf": "x"}}),
        lambda: tree.remove("app-test"),
        lambda: tree.suspend(ME),
        tree.resume,
    ):
        with pytest.raises(ConfigRootUnusable) as caught:
            attempt()
        assert "run this where the config volume is mounted" in (caught.value.hint or "")
    assert sorted(root.parent.rglob("*")) == before


def test_what_is_no_folder_cannot_be_made_a_root(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigRootUnusable, match=r"cannot make .* a config root"):
        init_root(tmp_path / "file")
    (tmp_path / "odd" / MARKER).mkdir(parents=True)
    with pytest.raises(ConfigRootUnusable, match="is not a regular file"):
        init_root(tmp_path / "odd")


def test_an_empty_volume_is_marked_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigRootUnusable, match="No such file"):
        mark_new_root(tmp_path / "not-mounted")
    assert list(tmp_path.iterdir()) == []
    with capture_logs() as logs:
        mark_new_root(tmp_path)
        mark_new_root(tmp_path)
    ConfigTree(tmp_path).check()
    assert [line["event"] for line in lines_about("config", logs)] == ["config.root_marked"]


@pytest.mark.parametrize("other", ["app-test", "noprocess", ".catalogue"])
def test_a_volume_with_files_and_without_a_marker_is_not_new(tmp_path: Path, other: str) -> None:
    """It is another volume, or its marker was lost: both are for a person to decide."""
    (tmp_path / other).touch()
    with pytest.raises(ConfigRootUnusable, match="has files, and is not a config root") as caught:
        mark_new_root(tmp_path)
    assert "gromit root init" in str(caught.value.hint)
    assert [path.name for path in tmp_path.iterdir()] == [other]


def test_a_marked_volume_with_files_stays_as_it_is(root: Path) -> None:
    (root / "noprocess").write_text("moving mongo\n")
    mark_new_root(root)
    with pytest.raises(Suspended, match="moving mongo"):
        ConfigTree(root).check()


def test_a_root_that_may_not_be_read_stops_the_work(root: Path) -> None:
    root.chmod(0)
    with (
        _unprivileged(),
        pytest.raises(ConfigRootUnusable, match=r"cannot use .*: Permission denied"),
    ):
        ConfigTree(root).check()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "processing is suspended: no reason given"),
        (b"moving mongo\n", "processing is suspended: moving mongo"),
        (b'{"reason": "r", "by": "b", "at": "t"}', "processing is suspended by b since t: r"),
        (b'{"reason": "r", "who": "w", "when": "t"}', "processing is suspended by w since t: r"),
        (b'["not", "ours"]', 'processing is suspended: ["not", "ours"]'),
        (b"\xff\x00\x1b[31mred\r\ntwo", "processing is suspended: \ufffdred two"),
        (b"x" * 100_000, "processing is suspended: " + "x" * 500),
    ],
)
def test_whatever_the_suspension_file_holds_suspends_and_is_shown(
    root: Path, content: bytes, message: str
) -> None:
    (root / "noprocess").write_bytes(content)
    with pytest.raises(Suspended) as caught:
        ConfigTree(root).check()
    assert caught.value.message == message


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _link(path: Path) -> None:
    path.symlink_to(MARKER)


@pytest.mark.parametrize("put", [Path.mkdir, _dangling, _link, os.mkfifo])
def test_a_suspension_file_that_is_not_a_file_fails_closed(
    root: Path, put: Callable[[Path], object]
) -> None:
    put(root / "noprocess")
    tree = ConfigTree(root)
    for attempt in (tree.check, lambda: tree.suspend(ME), tree.resume):
        with pytest.raises(ConfigRootUnusable, match="noprocess is not a regular file"):
            attempt()


def test_suspending_and_resuming(root: Path) -> None:
    tree = ConfigTree(root)
    assert tree.resume() is None
    tree.suspend(ME)
    assert json.loads((root / "noprocess").read_text()) == {
        "reason": ME.reason,
        "by": ME.by,
        "at": ME.at,
    }
    with pytest.raises(
        Suspended, match="suspended by alice@bastion since 2026-01-31T08:15:00Z: moving mongo"
    ):
        tree.check()
    assert tree.resume() == ME
    tree.check()
    assert [p.name for p in root.iterdir()] == [MARKER]


def test_the_first_reason_is_kept(root: Path) -> None:
    tree = ConfigTree(root)
    tree.suspend(ME)
    with pytest.raises(Conflict, match="already suspended by alice@bastion"):
        tree.suspend(Suspension("another"))
    assert tree.suspension() == ME


def test_of_many_who_suspend_at_once_exactly_one_does(root: Path) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def suspend(name: str) -> None:
        start.wait()
        try:
            ConfigTree(root).suspend(Suspension(name))
            outcomes.append(name)
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=suspend, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = ConfigTree(root).suspension()
    assert winner is not None
    assert sorted(outcomes) == sorted(["refused"] * 7 + [winner.reason])
    assert sorted(p.name for p in root.iterdir()) == [MARKER, "noprocess"]


def test_what_cannot_be_written_does_not_suspend_half(root: Path) -> None:
    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ConfigRootUnusable, match="No space left"):
        ConfigTree(root, write=full).suspend(ME)
    assert [p.name for p in root.iterdir()] == [MARKER]


def test_an_environment_is_removed_with_everything_in_it_and_others_stay(root: Path) -> None:
    tree = ConfigTree(root)
    for environment in ("app-test", "other"):
        tree.render(environment, {"tyk": {"tyk.conf": "{}"}})
    (root / "app-test" / "tyk" / "mine").mkdir()
    (root / "app-test" / "tyk" / "mine" / "file").touch()
    tree.remove("app-test")
    tree.remove("app-test")
    assert sorted(p.name for p in root.iterdir()) == [MARKER, "other"]


def test_removing_does_not_follow_links(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    tree = ConfigTree(root)
    tree.render("app-test", {"tyk": {}})
    (root / "app-test" / "tyk" / "link").symlink_to(outside)
    tree.remove("app-test")
    (root / "app-test").symlink_to(outside)
    with pytest.raises(Conflict, match="is not a folder"):
        tree.remove("app-test")
    assert (outside / "precious").exists()


@pytest.mark.parametrize("where", ["app-test", "app-test/tyk"])
def test_a_link_or_file_in_place_of_a_folder_is_a_conflict_of_that_environment(
    root: Path, tmp_path: Path, where: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place = root / where
    place.parent.mkdir(exist_ok=True)
    puts: list[Callable[[], object]] = [lambda: place.symlink_to(outside), place.touch]
    for put in puts:
        put()
        with pytest.raises(Conflict) as caught:
            ConfigTree(root).render("app-test", {"tyk": {"tyk.conf": "{}"}})
        assert "app-test" in caught.value.message
        place.unlink()
    assert list(outside.iterdir()) == []
    ConfigTree(root).render("other", {"tyk": {"tyk.conf": "{}"}})


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names atomically, like a racing attacker; False if the file system cannot."""
    here, exchange = -100, 2
    renameat2: Callable[..., int] = ctypes.CDLL(None).renameat2
    return renameat2(here, bytes(one), here, bytes(other), exchange) == 0


@pytest.mark.parametrize("where", ["app-test", "app-test/tyk"])
def test_a_folder_swapped_for_a_link_at_any_moment_leads_nowhere(
    root: Path, tmp_path: Path, where: str
) -> None:
    outside, link = tmp_path / "outside", tmp_path / "link"
    (outside / "tyk").mkdir(parents=True)
    link.symlink_to(outside)
    tree = ConfigTree(root)
    tree.render("app-test", {"tyk": {"tyk.conf": "0"}})
    if not _exchange(root / where, link) or not _exchange(root / where, link):
        pytest.skip("this file system cannot exchange two names")
    stop = threading.Event()

    pauses = random.Random(1)

    def swap() -> None:
        while not stop.wait(pauses.uniform(0, 0.002)):
            _exchange(root / where, link)

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes: Counter[str] = Counter()
    deadline = time.monotonic() + PATIENCE_S
    try:
        # On one core, either thread may have all of the time for a while.
        while outcomes.total() < 500 or (len(outcomes) < 2 and time.monotonic() < deadline):
            try:
                tree.render("app-test", {"tyk": {"tyk.conf": str(outcomes.total())}})
                outcomes["written"] += 1
            except GromitError as error:
                outcomes[error.code] += 1
    finally:
        stop.set()
        swapper.join()
    assert set(outcomes) == {"written", "conflict"}
    assert sorted(outside.rglob("*")) == [outside / "tyk"]


def test_a_folder_swapped_for_a_link_in_the_middle_of_writing_gets_nothing_written_behind_the_link(
    root: Path, tmp_path: Path
) -> None:
    outside, link, folder = tmp_path / "outside", tmp_path / "link", root / "app-test" / "tyk"
    outside.mkdir()
    link.symlink_to(outside)
    folder.mkdir(parents=True)

    def write(fd: int, data: bytes) -> int:
        if not folder.is_symlink():
            folder.rename(tmp_path / "aside")
            link.rename(folder)
        return os.write(fd, data)

    ConfigTree(root, write=write).render("app-test", {"tyk": {"a": "1", "b": "2"}})
    assert list(outside.iterdir()) == []
    assert sorted(p.name for p in (tmp_path / "aside").iterdir()) == [".gromit.json", "a", "b"]


def test_what_its_owner_forbids_is_that_environments_matter_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ConfigTree(root)
    tree.render("app-test", {"tyk": {"tyk.conf": "{}"}})
    root.chmod(0o777)
    (root / "app-test").chmod(0)
    monkeypatch.chdir(root)
    with _unprivileged(), pytest.raises(Denied, match=r"no permission to use .*app-test"):
        ConfigTree(Path()).render("app-test", {"tyk": {"tyk.conf": "[]"}})


_odd = st.text(max_size=12).filter(
    lambda name: not name.startswith("/") and ".." not in name
) | st.sampled_from(
    ["..", ".", "", "a/../..", "noprocess", ".gromit-root", "-f", "a\0b", "x" * 300, "OUTSIDE"]
)
"""Invalid names. Without any check, none of them leads out of the test's own folder.

OUTSIDE is an absolute path in that folder.
"""


@given(environment=_odd, component=_odd, file=_odd)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_whatever_the_names_nothing_is_written_outside_the_root(
    tmp_path: Path, environment: str, component: str, file: str
) -> None:
    root = tmp_path / "a" / "b" / "c" / "config"
    init_root(root)
    environment, component, file = (
        name.replace("OUTSIDE", f"{tmp_path}/outside") for name in (environment, component, file)
    )
    before = {p for p in tmp_path.rglob("*") if root not in p.parents}
    tree = ConfigTree(root)
    for names in (
        (environment, component, file),
        ("app-test", component, file),
        ("app-test", "tyk", file),
    ):
        try:
            tree.render(names[0], {names[1]: {names[2]: "x"}})
            assert (root / names[0] / names[1] / names[2]).read_text() == "x"
        except InvalidInput:
            continue
    for name in (environment, file):
        with suppress(InvalidInput):
            tree.remove(name)
    tree.check()
    assert {p for p in tmp_path.rglob("*") if root not in p.parents} == before
    tree.remove("app-test")
