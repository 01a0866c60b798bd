"""Every link between pages has a target, and the index reaches every page."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.markdown import DOCS, ROOT, anchors, links

PAGES = sorted([*ROOT.glob("*.md"), ROOT / "changelog.d" / "README.md", *DOCS.rglob("*.md")])


def _faults(page: Path) -> Iterator[str]:
    for link in links(page.read_text(encoding="utf-8")):
        if link.target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = unquote(link.target).partition("#")
        place = page.parent / path if path else page
        where = f"{page.name}:{link.line}: {link.target}"
        if not place.exists():
            yield f"{where} does not exist"
        elif anchor and anchor not in anchors(place.read_text(encoding="utf-8")):
            yield f"{where} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert list(_faults(page)) == []


def test_every_page_is_in_the_index_or_in_a_folder_that_is() -> None:
    index = DOCS / "README.md"
    linked = {
        (DOCS / link.target.partition("#")[0]).resolve()
        for link in links(index.read_text(encoding="utf-8"))
    }
    missing = [
        p
        for p in DOCS.rglob("*.md")
        if p != index and p.resolve() not in linked and p.parent.resolve() not in linked
    ]
    assert missing == []


def test_links_and_anchors_are_found_where_readers_see_them() -> None:
    text = (
        "# A `b` (c)\n\n[x](#a-b-c) [`y`](y.md) `[z](no)`\n[a]: a.md\n\n"
        "```\n[in a block](no)\n# no\n```\n## A b c\n"
    )
    assert [(link.target, link.line) for link in links(text)] == [
        ("#a-b-c", 3),
        ("y.md", 3),
        ("a.md", 4),
    ]
    assert anchors(text) == {"a-b-c", "a-b-c-1"}


def test_a_link_that_leads_nowhere_is_a_fault(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[one](#here) [two](#there) [three](gone.md) [four](https://example.com/)\n"
    )
    assert [fault.split(": ", 1)[1] for fault in _faults(page)] == [
        "#there has no such heading",
        "gone.md does not exist",
    ]
