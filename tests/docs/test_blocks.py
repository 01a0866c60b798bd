"""Code blocks are read, run and compared as the pages mean them, and every one is run."""

import shutil
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, Block, blocks, table
from tests.docs.shell import Step, is_as_shown, shell, steps

RUN = ("tutorial", "how-to")
"""Folders whose shell blocks are run, by `test_tutorial` and `test_how_to`."""
NOT_RUN = {"yaml", "json"}
"""Other languages of blocks."""


@pytest.mark.parametrize(
    "page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS))
)
def test_every_command_of_a_page_is_run(page: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    if page.relative_to(DOCS).parts[0] in RUN:
        assert {block.language for block in found} - {"sh", "text"} <= NOT_RUN
        assert steps(page.read_text(encoding="utf-8"))
    else:
        assert [
            block.line for block in found if block.language in {"sh", "bash", "shell", "console"}
        ] == []


def test_blocks_are_found_wherever_they_are() -> None:
    text = "a\n```sh\nb\n```\n- c\n\n  <!-- again -->\n  ```sh\n  d\n    e\n  ```\n"
    assert blocks(text) == [Block("sh", "b\n", 2), Block("sh", "d\n  e\n", 8, "again")]


def test_a_block_that_does_not_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        blocks("a\n```sh\nb\n")


def test_a_text_is_what_the_command_before_it_prints() -> None:
    one, two = steps("```sh\na\n```\n```text\nb\n```\n```sh\nc\n```\n")
    assert (one, two) == (Step(Block("sh", "a\n", 1), "b\n"), Step(Block("sh", "c\n", 7), None))


@pytest.mark.parametrize(
    "text",
    [
        "```text\na\n```\n",
        "```yaml\na: 1\n```\n```text\nb\n```\n",
        "<!-- often -->\n```sh\na\n```\n",
        "<!-- again -->\n```text\na\n```\n",
    ],
)
def test_a_text_without_a_command_and_an_unknown_mark_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        steps(text)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a  b\n", "a b\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("…\nd\n", "a\ne\n", False),
        ("a … c\n", "a b b c\n", True),
        ("a … c\n", "a b\nc\n", False),
        ("a.c\n", "abc\n", False),
        ("a\n\nb\n", "a\nb\n", False),
    ],
)
def test_what_is_printed_is_compared_with_what_is_shown(
    shown: str, printed: str, same: bool
) -> None:
    assert is_as_shown(shown, printed) is same


def _follow(folder: Path, text: str) -> None:
    page = folder / "page.md"
    page.write_text(text)
    with shell(
        folder, folder / "printed", {"PATH": str(Path(shutil.which("bash") or "").parent)}
    ) as bash:
        bash.follow(page)


def test_blocks_share_one_shell(tmp_path: Path) -> None:
    _follow(tmp_path, "```sh\nA=1; cd /\n```\n```sh\necho $A $PWD\n```\n```text\n1 /\n```\n")


def test_a_wrong_output_is_found(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="line 1: echo a"):
        _follow(tmp_path, "```sh\necho a\n```\n```text\nb\n```\n")


def test_a_command_that_fails_is_found_anywhere_in_its_block(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="exit code 3"):
        _follow(tmp_path, "```sh\necho a\n(exit 3)\necho b\n```\n")


def test_a_block_is_repeated_only_if_it_says_so(tmp_path: Path) -> None:
    counting = "```sh\necho x >> seen; wc -l < seen\n```\n```text\n3\n```\n"
    with pytest.raises(pytest.fail.Exception, match="and not"):
        _follow(tmp_path, counting)
    (tmp_path / "seen").unlink()
    _follow(tmp_path, f"<!-- again -->\n{counting}")


def test_tables_are_read_by_their_first_column() -> None:
    text = (
        "# A\n\n## B\n\nwords\n\n"
        "| `c` | d |\n|---|---|\n| `e\\|f` | g |\n| h | i |\n\n"
        "| other | table |\n"
    )
    assert table(text, "## B") == {"e|f": ["g"], "h": ["i"]}
