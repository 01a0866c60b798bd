"""A rewritten module is where pytest looks for it, and what pytest would make of it."""

from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from tests.rewriting import rewrite_modules


def test_pytest_finds_what_was_rewritten(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "test_it.py"
    module.write_text("def test_it():\n    a = 1\n    assert a == 2\n", encoding="utf-8")
    rewrite_modules(pytestconfig, [module])
    kept = rewrite._read_pyc(module, rewrite.get_cache_dir(module) / f"test_it{rewrite.PYC_TAIL}")
    assert kept is not None
    assert kept == rewrite._rewrite_test(module, pytestconfig)[1]

    # Nothing is rewritten again.
    monkeypatch.delattr(rewrite, "_rewrite_test")
    rewrite_modules(pytestconfig, [module])


def test_a_changed_module_is_rewritten_again(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    module = tmp_path / "test_it.py"
    for text in ("assert 1 == 1\n", "assert 1 == 1\nassert 2 == 2\n"):
        module.write_text(text, encoding="utf-8")
        rewrite_modules(pytestconfig, [module])
    kept = rewrite._read_pyc(module, rewrite.get_cache_dir(module) / f"test_it{rewrite.PYC_TAIL}")
    assert kept == rewrite._rewrite_test(module, pytestconfig)[1]
