"""Results on terminals of several widths, and on pipes."""

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from typing import Any

import click
import pytest

from gromit.cli import render, terminal
from gromit.core.environments.phases import UNREADABLE, Phase
from gromit.core.text import is_plain

COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
FULL = f"tyk={COMMIT}"
ERROR = (
    "there is no image tyk:4d5e6f in the registry 123456789012; push it, and report the build again"
)
ROWS: list[dict[str, Any]] = [
    {
        "name": "a-rather-long-name-of-a-branch-that-a-person-gave",
        "phase": "failed",
        "versions": {"tyk": COMMIT},
        "changed": "2026-11-24T18:33:43Z",
        "error": ERROR,
    },
    {
        "name": "app-test",
        "phase": "ready",
        "versions": {"tyk": "1a2b3c"},
        "changed": "2026-11-24T18:33:43Z",
        "error": None,
    },
]
COLUMNS = ("name", "phase", "versions", "changed", "error")
SHOW = (
    "import json, sys; from gromit.cli.render import print_rows;"
    "print_rows(*json.loads(sys.argv[1]))"
)


def shown(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, width: int | None
) -> list[str]:
    """Return the lines written to a terminal of this width, or (None) to a pipe."""
    command = [sys.executable, "-c", SHOW, json.dumps([rows, columns, "table"])]
    environ = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR"}} | {
        "TERM": "xterm"
    }
    if width is None:
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    with subprocess.Popen(
        command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        text = b""
        while part := _read(ours):
            text += part
        os.close(ours)
    assert process.returncode == 0, text
    return click.unstyle(text.decode()).splitlines()


def _read(terminal: int) -> bytes:
    """Read the next bytes; none if the other side is closed, for which Linux raises an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.mark.parametrize("width", [40, 80, 100, 120, 160, 300])
def test_names_and_times_stay_whole_on_a_terminal_and_nothing_is_lost(width: int) -> None:
    lines = shown(ROWS, COLUMNS, width=width)
    text = "\n".join(lines)
    for whole in (
        *(str(row["name"]) for row in ROWS),
        "tyk=1a2b3c4d",
        "failed",
    ):
        assert whole in text
    # A table shows times relative to now; rows with lines of their own keep them for copying.
    assert "2026-11-24T18:33:43Z" in text or re.search(r"\b\d+d ago\b", text)
    words = text.split()
    assert all(word in words for word in ERROR.split())


def test_times_are_relative_and_phases_coloured_on_a_terminal_alone() -> None:
    rows = [{"name": "a", "phase": "failed (suspended)", "changed": "2026-11-24T18:33:43Z"}]
    columns = ("name", "phase", "changed")
    assert re.search(r"a +failed \(suspended\) +\d+d ago", shown(rows, columns, width=80)[1])
    assert shown(rows, columns, width=None)[1].split()[-1] == "2026-11-24T18:33:43Z"
    assert [terminal.phase_style(phase) for phase in ("ready", "failed (suspended)", "odd")] == [
        "green",
        "red",
        "",
    ]
    assert terminal.relative_time("soon") == "soon"


def test_a_column_without_values_is_left_out_before_a_word_is_folded() -> None:
    row = {"name": "app-test", "url": "http://x/", "error": None, "why": "word " * 9}
    columns = ("name", "url", "error", "why")
    assert shown([row], columns, width=60)[0].split() == ["NAME", "URL", "WHY"]
    assert shown([row], columns, width=120)[0].split() == ["NAME", "URL", "ERROR", "WHY"]
    assert shown([row], columns, width=None)[0].split() == ["NAME", "URL", "ERROR", "WHY"]


def test_paths_and_serials_are_never_broken() -> None:
    row = {"serial": "1" * 40, "certificate": f"/etc/{'x' * 60}.pem"}
    text = "\n".join(shown([row], ("serial", "certificate"), width=70))
    assert all(value in text for value in row.values())


def test_each_phase_has_a_colour() -> None:
    assert all(terminal.phase_style(phase) for phase in (*Phase, UNREADABLE))


@pytest.mark.parametrize(("width", "table"), [(80, False), (140, True)])
def test_a_table_is_as_wide_as_the_terminal_or_each_row_has_lines_of_its_own(
    width: int, *, table: bool
) -> None:
    lines = shown(ROWS, COLUMNS, width=width)
    assert (lines[0].split() == ["NAME", "PHASE", "VERSIONS", "CHANGED", "ERROR"]) is table
    if table:
        assert max(map(len, lines)) <= width
    else:
        assert lines[0].split() == ["name", ROWS[0]["name"]]
        assert lines[4] == f"error     {ERROR}"
        assert lines[5] == ""


@pytest.mark.parametrize(
    ("width", "version"), [(80, FULL), (140, "tyk=1a2b3c4d…"), (300, FULL), (None, FULL)]
)
def test_full_commit_ids_are_shortened_only_so_that_a_table_fits_a_terminal(
    width: int | None, version: str
) -> None:
    assert version in " ".join(shown(ROWS, COLUMNS, width=width)).split()


def test_a_pipe_gets_a_line_for_each_row_however_long() -> None:
    head, row = shown(
        [{"name": "app-test", "url": "http://x/", "error": "word " * 700}],
        ("name", "url", "error"),
        width=None,
    )
    assert head.split() == ["NAME", "URL", "ERROR"]
    assert row.split() == ["app-test", "http://x/", *["word"] * 700]


def test_several_urls_in_a_cell_are_folded_between_them() -> None:
    urls = [
        f"http://{name}.app-test.dev.gromit.test:8181"
        for name in ("tyk", "tyk-analytics", "tyk-portal")
    ]
    lines = shown(
        [{"name": "app-test", "services": 7, "urls": urls}], ("name", "services", "urls"), width=80
    )
    assert [line.split()[-1] for line in lines[1:]] == urls


SPOOFED = {
    "name": "app\u202etset",
    "versions": {"tyk\u200b": "v1\nname  other"},
    "urls": ["http://x\u2066/", "\x1b[2Jhttp://y/"],
    "error": "two\nlines\u2028or three",
}


@pytest.mark.parametrize("width", [None, 20, 60, 200])
def test_characters_that_deceive_the_reader_are_shown_as_escapes(width: int | None) -> None:
    lines = shown([SPOOFED], tuple(SPOOFED), width=width)
    text = "\n".join(lines)
    assert all(is_plain(line) for line in lines), text
    for escape in ("\\u202e", "\\u200b", "\\u2066", "\\u2028", "\\x1b", "\\n"):
        assert escape in text.replace("\n", "")
    assert not any(line.lstrip().startswith(("name  other", "lines")) for line in lines)


@pytest.mark.parametrize("cell", ["", "plain", "two words  and blanks ", "x" * 200, "[bold]no[/]"])
def test_a_pipe_gets_the_table_that_rich_would_print(
    cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [["app-test", cell, "-"], ["a", "b", "sha-1"]]
    terminal.print_table(cells, ("name", "note", "version"), ("NAME", "NOTE", "VERSION"))
    assert (
        capsys.readouterr().out == f"{render.plain_table([['NAME', 'NOTE', 'VERSION'], *cells])}\n"
    )


def test_a_wide_character_keeps_its_two_columns_on_a_pipe() -> None:
    head, _, row = shown(
        [{"name": "a", "text": "日本"}, {"name": "日本語", "text": "b"}],
        ("name", "text"),
        width=None,
    )
    assert head.index("TEXT") == 8
    assert row == "日本語  b"
