"""Rewritten test modules for all processes of pytest-xdist, each made by one of them.

pytest rewrites the assertions of each module, and keeps the result. In a fresh clone, each process
would rewrite all of them at the same time as the others.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

_FOLDER = Path(__file__).parent


def rewrite_share(config: pytest.Config) -> None:
    """Rewrite the share of this process, if it will collect all tests."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    place: dict[str, object] = getattr(config, "workerinput", {})
    if whole and place and not sys.dont_write_bytecode:
        number = int(str(place["workerid"]).removeprefix("gw"))
        modules = sorted([*_FOLDER.rglob("test_*.py"), *_FOLDER.rglob("conftest.py")])
        rewrite_modules(config, modules[number :: int(str(place["workercount"]))])


def rewrite_modules(config: pytest.Config, modules: Iterable[Path]) -> None:
    """Rewrite modules whose results pytest does not have yet, and keep them where it looks."""
    state = config.stash[rewrite.assertstate_key]
    for module in modules:
        folder = rewrite.get_cache_dir(module)
        kept = folder / f"{module.stem}{rewrite.PYC_TAIL}"
        if rewrite._read_pyc(module, kept) is None and rewrite.try_makedirs(folder):
            status, code = rewrite._rewrite_test(module, config)
            rewrite._write_pyc(state, code, status, kept)
