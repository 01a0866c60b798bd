"""A reader for the parts of Markdown that the tests need: headings, tables, links, code blocks."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^( *)```(\S*)$")
_HEADING = re.compile(r"^(#{1,6}) (.+?)\s*$")
_MARK = re.compile(r"^ *<!-- (.+) -->$")
_LINK = re.compile(r"(?<!\\)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(<?([^()\s<>]+)>?\)")
_REFERENCE = re.compile(r"^\[[^\]]+\]:\s+(\S+)")
_CODE = re.compile(r"(`+).+?\1")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str
    line: int
    """Line of the opening fence."""
    mark: str = ""
    """Comment in the line before, which is invisible to a reader."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a page."""

    target: str
    line: int


def read(path: str) -> str:
    """Return the text of a page, given its path below `docs`."""
    return (DOCS / path).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return all fenced blocks in order, without the indentation of their fences.

    Raises `ValueError` for a block that does not end.
    """
    found, inside, before = [], list[str](), ""
    start, margin, language, mark = 0, "", "", ""
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if start and fence:
            found.append(
                Block(
                    language,
                    "".join(f"{part.removeprefix(margin)}\n" for part in inside),
                    start,
                    mark,
                )
            )
            inside, start = [], 0
        elif start:
            inside.append(line)
        elif fence:
            noted = _MARK.match(before)
            start, (margin, language), mark = number, fence.groups(), noted[1] if noted else ""
        before = line
    if start:
        raise ValueError(f"the block of line {start} does not end")
    return found


def table(text: str, heading: str) -> dict[str, list[str]]:
    """Return the first table below a heading, as a map from its first column to the other columns.

    The first column loses its code marks.
    """
    section = text.split(f"\n{heading}\n", 1)[1]
    lines = iter(section.splitlines())
    rows: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("|"):
            name, *rest = [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]
            if name.strip("`") in rows:
                raise ValueError(f"{name} appears twice below {heading}")
            rows[name.strip("`")] = rest
        elif rows or _HEADING.match(line):
            break
    head, rule, *names = rows
    if set(rule) - set("-: "):
        raise ValueError(f"the table below {heading} has no head: {head}")
    return {name: rows[name] for name in names}


def anchors(text: str) -> frozenset[str]:
    """Return the anchors of a page's headings, in GitHub's form."""
    counted: Counter[str] = Counter()
    found = set()
    for _, line in _prose(text, keep_code=True):
        if heading := _HEADING.match(line):
            slug = _slug(heading[2])
            found.add(f"{slug}-{counted[slug]}" if counted[slug] else slug)
            counted[slug] += 1
    return frozenset(found)


def links(text: str) -> Iterator[Link]:
    """Yield all links of a page, except those in code."""
    for number, line in _prose(text, keep_code=False):
        for target in [*_LINK.findall(line), *_REFERENCE.findall(line)]:
            yield Link(target, number)


def _prose(text: str, *, keep_code: bool) -> Iterator[tuple[int, str]]:
    """Yield the lines outside of blocks, with their numbers."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            inside = not inside
        elif not inside and not line.startswith("    "):
            yield number, line if keep_code else _CODE.sub("", line)


def _slug(heading: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
