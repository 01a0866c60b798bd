"""Settings of a command are typed: mypy finds a misspelt one."""

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("run.settings.pki.leaf_days", None),
        ("run.settings.pki.leaf_dayz", '"PkiSettings" has no attribute "leaf_dayz"'),
        ("run.loaded.origin", '"LoadedSettings" has no attribute "origin"'),
    ],
)
def test_mypy_finds_a_misspelt_setting(expression: str, error: str | None, tmp_path: Path) -> None:
    module = tmp_path / "command.py"
    module.write_text(
        "from gromit.cli import CliContext\n\n\n"
        f"def command(run: CliContext) -> None:\n    print({expression})\n"
    )
    config = f"--config-file={ROOT / 'pyproject.toml'}"
    found, faults, code = api.run([config, f"--cache-dir={ROOT / '.mypy_cache'}", str(module)])
    assert faults == ""
    assert code == (0 if error is None else 1), found
    assert error is None or error in found
