"""The reference of `terraform/base`: outputs, push permissions, and the images that are kept."""

import re

from tests.docs.markdown import ROOT, read, table
from tests.platform.pushing import SUBJECTS
from tests.stacks.hcl import Block, Directory

TEXT = read("reference/stacks.md")


def _blocks(folder: str, *kinds: str) -> list[Block]:
    texts = {path.name: path.read_text() for path in (ROOT / "terraform" / folder).glob("*.tf")}
    return Directory(name=folder, texts=texts, is_root=True).blocks(*kinds)


def test_every_output_is_there() -> None:
    assert list(table(TEXT, "### What workflows read")) == [
        b.name for b in _blocks("base", "output")
    ]


def test_subjects_get_the_role_as_the_page_says() -> None:
    """Compare with the subjects that the tests try with the applied roles."""
    said = {
        subject: row[0].startswith("given")
        for subject, row in table(TEXT, "### Push permissions").items()
    }
    assert said.items() <= SUBJECTS.items()
    assert set(said.values()) == {True, False}


def test_tags_and_times_are_those_of_the_files() -> None:
    kept = " ".join(table(TEXT, "### Which images are kept"))
    blocks = [block for block in _blocks("base", "module") if "kept_tags" in block.body]
    modules = {block.name: str(block.body["kept_tags"]) for block in blocks}
    assert re.findall(r'"([^"]+)\*"', modules["registry"]) == re.findall(r"`([\w.-]+)…`", kept)
    assert "begins with a digit" in kept
    assert "range(10)" in modules["own_registry"]
    (rules,) = _blocks("modules/registry", "locals")[:1]
    assert re.findall(r"days\W+(\d+)", str(rules.body["expiring"]))[:2] == ["7", "14"]


def test_backups_are_kept_as_long_as_said() -> None:
    (days,) = (b.body["default"] for b in _blocks("backup", "variable") if b.name == "kept_days")
    assert f"kept for {days} days" in TEXT
    assert {b.name for b in _blocks("backup", "resource") if b.labels[0] == "aws_backup_selection"}
