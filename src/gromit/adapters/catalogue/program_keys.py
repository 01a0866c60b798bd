"""Config keys of the programs that gromit knows, as files of the package."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from gromit.core.stack.checks.keys import ProgramKeys, parse_keys

KEYS = Path(str(files("gromit"))) / "catalogue" / "programs" / "keys"
"""Folder with a list for each program that has a config file, part of the package."""

_SUFFIX = ".tsv"


@cache
def load_program_keys() -> Mapping[str, ProgramKeys]:
    """Load the config keys of all programs, once in a process: program to keys."""
    return {
        path.stem: parse_keys(path.read_text(encoding="utf-8"))
        for path in sorted(KEYS.glob(f"*{_SUFFIX}"))
    }
