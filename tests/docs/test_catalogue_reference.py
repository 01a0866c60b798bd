"""The reference of catalogues names every key, and its example works."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.catalogue.entry import (
    CatalogueEntry,
    ComponentSize,
    HealthEntry,
    HookEntry,
    SecretEntry,
)
from gromit.adapters.catalogue.file import FILE_KEYS
from gromit.adapters.catalogue.programs import load_program, program_names
from gromit.core.stack.checks.faults import FaultKind
from gromit.core.stack.config_files import folder_hash
from gromit.core.stack.config_templates import TemplateVariables
from gromit.services.hooks import TRIES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
TEXT = (REFERENCE / "catalogue.md").read_text(encoding="utf-8")


def _table(heading: str) -> dict[str, list[str]]:
    """Return the first table below a heading, as a map from its first column to the others."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_key_of_the_file_is_documented() -> None:
    assert _table("Keys of the file").keys() == set(FILE_KEYS)


def test_every_key_of_an_entry_is_documented_with_its_default() -> None:
    documented = _table("Keys of an entry")
    fields = {
        **CatalogueEntry.model_fields,
        **{f"size.{name}": field for name, field in ComponentSize.model_fields.items()},
    }
    assert documented.keys() == fields.keys()
    defaults = {name: row[0].strip("`") for name, row in documented.items()}
    plain = {
        name: field.default
        for name, field in fields.items()
        if isinstance(field.default, (str, int))
    }
    assert {name: defaults[name] for name in plain} == {
        name: str(value).lower() for name, value in plain.items()
    }


def test_every_key_of_a_hook_is_documented_with_its_default() -> None:
    documented = _table("Hooks")
    assert documented.keys() == HookEntry.model_fields.keys()
    assert documented["timeout"][0] == f"`{HookEntry.model_fields['timeout'].default}`"
    assert documented["required"][0] == f"`{HookEntry.model_fields['required'].default}`".lower()
    assert "failed three times" in TEXT
    assert TRIES == 3


def test_every_key_of_a_health_check_is_documented_with_its_default() -> None:
    documented = _table("Health")
    fields = HealthEntry.model_fields
    assert documented.keys() == fields.keys()
    for name in ("degraded_by", "grace"):
        assert documented[name][0] == f"`{fields[name].default}`"


def test_every_key_of_a_named_secret_is_documented() -> None:
    assert _table("Named secrets").keys() == SecretEntry.model_fields.keys()


def test_every_program_is_documented_with_its_required_secrets() -> None:
    section = TEXT.split("\n## Programs\n", 1)[1].split("\nThese secrets", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [_program_row(name) for name in program_names()]


def _program_row(name: str) -> str:
    program = load_program(name)
    required = [
        f"`{secret.variable}`" + (f" beside `{secret.peer}`" if secret.peer else "")
        for secret in program.secrets
        if secret.required
    ]
    return f"| `{name}` | {', '.join(required) or '-'} |"


def test_every_group_of_equal_secrets_is_documented() -> None:
    groups: dict[str, list[str]] = {}
    for name in program_names():
        for secret in load_program(name).secrets:
            groups.setdefault(secret.group, []).append(f"`{secret.variable}`")
    section = TEXT.split("\nThese secrets", 1)[1].split("\n## ", 1)[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == [
        f"| `{group}` | {', '.join(sorted(variables))} |"
        for group, variables in sorted(groups.items())
        if len(variables) > 1
    ]


def test_every_variable_of_templates_is_documented() -> None:
    shared = {field.name for field in dataclasses.fields(TemplateVariables)}
    assert _table("Config templates").keys() == shared | {"config_path"}  # the component's own


def test_every_kind_of_mistake_is_documented() -> None:
    assert _table("The check").keys() == {kind.value for kind in FaultKind}


def test_the_example_adds_a_component(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    (tmp_path / "mine.yaml").write_text(example[1])
    assert catalogue_file.load_catalogue(tmp_path / "mine.yaml").components["portal"].port == 3001


def test_the_documented_hash_of_an_empty_folder_is_right() -> None:
    assert folder_hash(()) == hashlib.sha256().hexdigest()
    assert folder_hash(()) in (REFERENCE / "config-hash.md").read_text(encoding="utf-8")


def test_the_files_and_databases_of_the_tyk_stack_are_documented() -> None:
    found = {
        name: [
            ", ".join(f"`{file}`" for file in sorted(component.templates, key=_main_first)),
            "`tyk_analytics-<environment>`" if _has_database(component.templates) else "",
        ]
        for name, component in catalogue_file.load_catalogue().components.items()
        if component.templates
    }
    assert _table("Config files of the Tyk stack") == found


def _main_first(file: str) -> tuple[bool, str]:
    return not file.endswith(".conf"), file


def _has_database(templates: Mapping[str, str]) -> bool:
    return any("/tyk_analytics-{{ env }}" in text for text in templates.values())
