"""Commands, options and variables in the pages exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from gromit.config.fields import fields
from gromit.core.stack.terraform import LOCK_VARIABLE
from gromit.local.cloud import variables
from tests.docs.cli_reference import commands
from tests.docs.markdown import DOCS, ROOT

PAGES = sorted([*ROOT.glob("*.md"), ROOT / "changelog.d" / "README.md", *DOCS.rglob("*.md")])
COMMANDS = {tuple(context.command_path.split()[1:]): context.command for context in commands()}
FIRST = {path[0] for path in COMMANDS}

_CODE = re.compile(r"`([^`\n]+)`|^ {4,}(.+)$", re.MULTILINE)
_FENCED = re.compile(r"^( *)```(?:sh|yaml|text)?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# "gromit v1" is the name of a system.
_CALL = re.compile(r"\bgromit (?!v1\b)([a-z][a-z-]*)((?: [^\s`|;&)]+)*)")
_TESTS_OWN = re.compile(r"\bGROMIT_TEST_[A-Z_]*[A-Z]\b")
_MAKE = re.compile(r"^make ([a-z-]+)", re.MULTILINE)
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_COMMENT = re.compile(r" # .*")
_GIVEN = re.compile(r'name = "(GROMIT_[A-Z_]*[A-Z])"')
_VARIABLE = re.compile(r"\bGROMIT_[A-Z_]*[A-Z]\b")


def _code(text: str) -> Iterator[str]:
    """Yield all code of a page: spans, blocks and indented lines."""
    yield from (found[2] for found in _FENCED.finditer(text))
    yield from (found[1] or found[2] for found in _CODE.finditer(_FENCED.sub("", text)))


def faults(text: str) -> Iterator[str]:
    """Yield the calls of a page that do not exist."""
    for code in _code(text):
        for call in _CALL.finditer(_COMMENT.sub("", code)):
            yield from _wrong(call[0], call[1], call[2].split())


def _wrong(call: str, name: str, words: list[str]) -> Iterator[str]:
    if name not in FIRST:
        yield f"{call}: there is no command {name}"
        return
    path: tuple[str, ...] = (name,)
    if isinstance(COMMANDS[path], click.Group) and words and re.fullmatch(r"[a-z-]+", words[0]):
        path = (name, words[0])
        if path not in COMMANDS:
            yield f"{call}: there is no command {name} {words[0]}"
            return
    own = words[: words.index("--")] if "--" in words else words
    known = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    yield from (
        f"{call}: there is no option {w}"
        for w in own
        if re.fullmatch(r"--?[a-z0-9-]+", w) and w not in known
    )


@cache
def read_by_tests() -> frozenset[str]:
    """Return the variables that describe what a machine offers to tests."""
    files = (ROOT / "tests").rglob("*.py")
    texts = (file.read_text(encoding="utf-8") for file in files)
    return frozenset(name for text in texts for name in _TESTS_OWN.findall(text))


@cache
def given_to_containers() -> frozenset[str]:
    """Return the variables that the stack gives to containers."""
    files = (ROOT / "src" / "gromit" / "stacks").rglob("*.tf")
    texts = (file.read_text(encoding="utf-8") for file in files)
    return frozenset(name for text in texts for name in _GIVEN.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_of_a_page_exists(page: Path) -> None:
    assert list(faults(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_of_a_page_exists(page: Path) -> None:
    local = set(_VARIABLE.findall(Path(variables.__file__).read_text(encoding="utf-8")))
    known = {doc.variable for doc in fields()} | local | {LOCK_VARIABLE} | read_by_tests()
    known |= given_to_containers()
    assert set(_VARIABLE.findall(page.read_text(encoding="utf-8"))) - known == set()


def strange_targets(text: str) -> list[str]:
    """Targets that code of a page makes and the Makefile does not have."""
    targets = _TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    return [name for code in _code(text) for name in _MAKE.findall(code) if name not in targets]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_of_a_page_exists(page: Path) -> None:
    assert strange_targets(page.read_text(encoding="utf-8")) == []


def test_a_planted_make_target_is_found() -> None:
    assert strange_targets("`make dance` and `make test`\n\n    make sing\n") == ["dance", "sing"]


def test_requirements_of_tests_are_documented_and_reported_when_absent(
    pytestconfig: pytest.Config,
) -> None:
    page = (DOCS / "README.md").read_text(encoding="utf-8")
    assert set(_TESTS_OWN.findall(page)) == read_by_tests() != set()
    (help_text,) = re.findall(
        r"^test-all:.*## (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert "GROMIT_TEST_MIRROR" in help_text
    assert "-ra" in pytestconfig.getini("addopts"), "the summary names what was skipped, and why"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("`gromit sow --watch`", []),
        ("`gromit dance`", ["gromit dance: there is no command dance"]),
        ("gromit dance", []),
        ("`gromit env dance NAME`", ["gromit env dance NAME: there is no command env dance"]),
        ("`gromit env …`", []),
        ("```sh\nadded in gromit v1\n```", []),
        ("    gromit sow --dance", ["gromit sow --dance: there is no option --dance"]),
        ("`gromit terraform NAME -- plan --dance`", []),
        ("```sh\ngromit env list | grep --dance\n```", []),
        (
            "```sh\ngromit env list --dance\n```",
            ["gromit env list --dance: there is no option --dance"],
        ),
    ],
)
def test_what_cannot_be_called_is_found(text: str, fault: list[str]) -> None:
    assert list(faults(text)) == fault
