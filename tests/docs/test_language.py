"""Words that gromit does not use; docs/reference/glossary.md has a better one for each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

TEXTS = (
    "*.md",
    "Makefile",
    "Dockerfile",
    ".dockerignore",
    "compose.yaml",
    "pyproject.toml",
    ".github/**/*.yml",
    "changelog.d/*.md",
    "docs/**/*.md",
    "hooks/**/*.md",
    "hooks/**/*.py",
    "hooks/**/*.yml",
    "image/*.py",
    "requirements/*.md",
    "src/gromit/**/*.md",
    "src/gromit/**/*.py",
    "src/gromit/**/*.tf",
    "src/gromit/**/*.yaml",
    "tests/stacks/runs/*.hcl",
    "terraform/**/*.md",
    "terraform/**/*.tf",
    "tests/**/*.py",
)
"""Files that follow the rules, as patterns of paths."""

WORDS: Mapping[str, str] = {
    r"mend(s|ed|ing)?": "fix, repair; patch for the emulator",
    r"told|tells?|telling": "reported, said, shown, logged",
    r"nobody|somebody": "nothing, no one; another person, the operator",
    r"whoever|whomever": "anyone who; if you",
    r"who (may|can)( not)?": "if you …; anyone who …",
    r"stands?|stood": "is, exists",
    r"lies?|lay": "is, is stored",
    r"walls?": "limit, quota",
    r"anew": "again",
    r"by hand": "manually",
    r"earlier system": "gromit v1",
    r"reckon(s|ed|ing)?": "count, estimate",
    r"workplaces?": "workstation",
    r"chance": "randomness, entropy",
    r"(?-i:[Hh]e|[Hh]im|[Hh]is)": "it, its (a process); they, their (a person)",
    r"so (much|many|long)": "the number, the duration",
    r"(as|in so) far( as)?": "if, where",
    r"comes? to be": "is issued, is created",
    r"sees? to": "manages",
}
"""Patterns of words, each with what to write in its place."""

# One look behind for all words: one for each word takes four times as long.
_WORD = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(WORDS)})(?![A-Za-z])", re.IGNORECASE)
_FOREIGN = re.compile(
    r"^( *)```text\n.*?^\1```$|<!-- roots: .*?<!-- end of roots -->", re.MULTILINE | re.DOTALL
)
"""Text of a page that is decided elsewhere: output of commands, and titles of Terraform READMEs."""
_OPENING = re.compile(r'"""(?:What|How|Whose|Who|Where) (?:[^"]|"(?!""))*?"""')


@dataclass(frozen=True, slots=True)
class Allowed:
    """A phrase that is right although it contains such a word."""

    phrase: str
    reason: str


ALLOWED = (
    Allowed(
        r"[Rr]uns? terraform (on one environment )?by hand",
        "terraform that a person runs is the common phrase",
    ),
    Allowed(r"take its Terraform lock by hand", "terraform that a person runs"),
    Allowed(r"stands for", "an abbreviation or a placeholder stands for something"),
    Allowed(r"tell the difference", "to distinguish"),
    Allowed(r"tell you whether", "a person says something to a person"),
    Allowed(r"branch-name-that-somebody-has-typed", "an example of a branch"),
    Allowed(
        r'["`]nobody/?(\$tyk_meta\.repository)?["`]', "the name of a repository that does not exist"
    ),
    Allowed(r"doctor\.untold", "the name of a log event"),
    Allowed(r'"wall"', "a field of the doctor's JSON"),
    Allowed(r'"told"', "a field of the doctor's JSON"),
)
"""Exceptions, each with its reason."""


def faults(text: str, *, is_python: bool = False) -> Iterator[str]:
    """Words of a text that gromit does not use, each with its line."""
    own = _FOREIGN.sub(lambda block: "\n" * block[0].count("\n"), text)
    for allowed in ALLOWED:
        own = re.sub(allowed.phrase, lambda found: " " * len(found[0]), own)
    for found in _WORD.finditer(own):
        better = next(
            use for word, use in WORDS.items() if re.fullmatch(word, found[0], re.IGNORECASE)
        )
        yield f"line {_line(own, found)}: {found[0]!r}, better: {better}"
    if is_python:
        for found in _OPENING.finditer(own):
            rule = "a docstring starts with a verb or a noun"
            yield f"line {_line(own, found)}: {rule}, not with {found[0].split()[0]!r}"


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def files() -> list[Path]:
    """Return all texts but this file, which names the words, and what terraform has downloaded."""
    found = {path for pattern in TEXTS for path in ROOT.glob(pattern)}
    return sorted(p for p in found if p != Path(__file__) and ".terraform" not in p.parts)


def test_every_pattern_has_files() -> None:
    assert [pattern for pattern in TEXTS if not list(ROOT.glob(pattern))] == []


@pytest.mark.parametrize("file", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_text_uses_the_words_of_the_glossary(file: Path) -> None:
    assert list(faults(file.read_text(encoding="utf-8"), is_python=file.suffix == ".py")) == []


@pytest.mark.parametrize("allowed", ALLOWED, ids=lambda allowed: allowed.phrase)
def test_every_exception_is_needed(allowed: Allowed) -> None:
    assert any(re.search(allowed.phrase, file.read_text(encoding="utf-8")) for file in files())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mend it.", ["'Mend', better: fix"]),
        ("the limit is told\nanew", ["'told'", "line 2: 'anew'"]),
        ("_tell(x)", ["'tell'"]),
        ("run terraform by hand, and see to it by hand", ["'see to'", "'by hand'"]),
        ("```text\nnobody\n```\nnobody\n", ["line 4: 'nobody'"]),
        ("the walled garden, understand, them, history", []),
        ("so much", ["'so much'"]),
    ],
)
def test_a_word_is_found(text: str, found: list[str]) -> None:
    seen = list(faults(text))
    assert len(seen) == len(found)
    assert all(part in fault for part, fault in zip(found, seen, strict=True))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('"""What it is."""', 1),
        ('"""Return what it is."""', 0),
        ('"""Whether it is."""', 0),
        ('"""How long\n\nit takes."""', 1),
    ],
)
def test_a_docstring_that_opens_with_a_question_word_is_found(text: str, count: int) -> None:
    assert len(list(faults(text, is_python=True))) == count
    assert list(faults(text)) == []
