"""Numbers of the decision records, which other pages refer to."""

import re
from pathlib import Path

_RECORDS = sorted(Path(__file__).parents[2].joinpath("docs", "adr").glob("*.md"))


def test_each_number_belongs_to_one_record() -> None:
    assert [int(r.name[:4]) for r in _RECORDS] == list(range(1, len(_RECORDS) + 1))


def test_each_title_has_the_number_of_its_file() -> None:
    titles = {r.name: r.read_text("utf-8").split("\n")[0] for r in _RECORDS}
    wrong = [
        name
        for name, title in titles.items()
        if not re.match(rf"# {int(name[:4])}\. [A-Za-z`]", title)
    ]
    assert not wrong
