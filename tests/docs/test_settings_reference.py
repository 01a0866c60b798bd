"""The reference of settings matches the settings."""

from pathlib import Path

from gromit.config.fields import fields
from tests.docs.settings_reference import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


def test_every_setting_has_a_description() -> None:
    assert [doc.path for doc in fields() if not doc.field.description] == []
