"""The READMEs of the stack say what the files say."""

import pytest

from tests.stacks.hcl import Directory, directories
from tests.stacks.readme import BEGIN, END, renewed, tables


@pytest.mark.parametrize("directory", directories(), ids=lambda d: d.name)
def test_the_tables_are_up_to_date(directory: Directory) -> None:
    """If not: `python -m tests.stacks.readme`."""
    assert directory.texts["README.md"] == renewed(directory.texts["README.md"], directory)


def test_what_people_wrote_around_them_stays() -> None:
    root = next(d for d in directories() if d.is_root)
    text = renewed(f"before\n{BEGIN}\nold\n{END}\nafter\n", root)
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert tables(root) in text
    assert "old" not in text
    with pytest.raises(ValueError, match="no place for the tables"):
        renewed("nothing", root)
