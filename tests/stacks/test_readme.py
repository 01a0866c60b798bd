"""The READMEs of roots and modules agree with the Terraform files."""

import pytest

from tests.stacks.hcl import Directory, directories, directory
from tests.stacks.readme import BEGIN, END, renewed, tables


@pytest.mark.parametrize("place", directories(), ids=lambda d: d.name)
def test_the_tables_are_up_to_date(place: Directory) -> None:
    """If this fails, run `make docs`."""
    assert place.texts["README.md"] == renewed(place.texts["README.md"], place)


def test_what_people_wrote_around_them_stays() -> None:
    root = directory("src/gromit/stacks/devenv")
    text = renewed(f"before\n{BEGIN}\nold\n{END}\nafter\n", root)
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert tables(root) in text
    assert "old" not in text
    with pytest.raises(ValueError, match="no place for the tables"):
        renewed("nothing", root)
