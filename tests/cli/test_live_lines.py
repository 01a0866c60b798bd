"""Lines about what a command waits for: one live line on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable

import pytest

from gromit.cli.live_lines import LiveLines

Scene = Callable[..., str]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    """Return the output of a wait on a terminal of some type, or on a pipe."""

    def play(terminal: str | None, columns: int = 80) -> str:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal is not None)
        monkeypatch.setenv("TERM", terminal or "")
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = LiveLines()
        for state, progress in (
            ("app: pending", ""),
            ("app: sowing", "app: a [1/3]"),
            ("app: sowing", "app: a [1/3]"),
            ("app: sowing", "app: b\x1b[2J [2/3]"),
            ("app: ready", ""),
        ):
            lines.state(state)
            lines.progress(progress)
        lines.clear()
        return capsys.readouterr().err

    return play


@pytest.mark.parametrize("terminal", [None, "dumb"])
def test_a_log_has_one_line_for_each_change(scene: Scene, terminal: str | None) -> None:
    assert scene(terminal).splitlines() == [
        "app: pending",
        "app: sowing",
        "app: a [1/3]",
        "app: b\\x1b[2J [2/3]",
        "app: ready",
    ]


def test_a_terminal_has_one_live_line_below_the_states(scene: Scene) -> None:
    erase = "\r\x1b[K"
    assert scene("xterm") == (
        f"app: pending\napp: sowing\napp: a [1/3]{erase}app: b\\x1b[2J [2/3]{erase}app: ready\n"
    )


def test_a_live_line_is_never_wider_than_the_terminal(scene: Scene) -> None:
    assert "app: a […" in scene("xterm", columns=10)
    assert "app: a [1/" not in scene("xterm", columns=10)
