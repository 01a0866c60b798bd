"""The rules of `house_rules` hold for all code, and each of them finds what it is for."""

import ast
from pathlib import Path

import pytest

from tests.house_rules import (
    defined_twice,
    hasty_requests,
    impurities,
    mocks,
    nested_conditionals,
)

ROOT = Path(__file__).parents[1]
PURE = sorted([*ROOT.glob("src/gromit/core/**/*.py"), ROOT / "src/gromit/errors.py"])
SOURCE = sorted(ROOT.glob("src/gromit/**/*.py"))
ALL = sorted(
    file for folder in ("src", "tests", "image", "hooks") for file in ROOT.glob(f"{folder}/**/*.py")
)


def tree(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT / "src/gromit")))
def test_the_core_reads_no_clock_draws_no_randomness_and_does_no_io(path: Path) -> None:
    assert list(impurities(tree(path))) == []


def modules_with(word: str, times: int = 1) -> list[Path]:
    """Modules that hold a word at least so often: only those can break a rule that is about it.

    To parse all modules takes five seconds.
    """
    return [path for path in ALL if path.read_text(encoding="utf-8").count(word) >= times]


def test_no_conditional_expression_holds_another_one() -> None:
    assert [
        f"{path.relative_to(ROOT)} {where}"
        for path in modules_with("else", times=2)
        for where in nested_conditionals(tree(path))
    ] == []


def test_a_public_type_has_a_name_of_its_own() -> None:
    modules = {str(path.relative_to(ROOT)): tree(path) for path in SOURCE}
    assert list(defined_twice(modules)) == []


def test_requests_of_tests_have_the_time_of_a_loaded_machine() -> None:
    assert [
        f"{path.relative_to(ROOT)} {where}"
        for path in ROOT.glob("tests/**/*.py")
        for where in hasty_requests(tree(path))
    ] == []


def test_nothing_is_mocked() -> None:
    assert [
        f"{path.relative_to(ROOT)} {where}"
        for path in modules_with("unittest")
        for where in mocks(tree(path))
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()",
        "from datetime import datetime\nclock = datetime.now",
        "from datetime import datetime as d\nd.utcnow()",
        "from datetime import datetime\ndatetime.today()",
        "from datetime import date\ndate.today()",
        "from datetime import datetime\ngetattr(datetime, 'now')()",
        "import datetime\ndatetime.datetime.now()",
        "def f(at):\n    return at.astimezone()",
        "from datetime import datetime\ndatetime.fromtimestamp(0)",
        "import time",
        "import time as t",
        "from time import monotonic",
        "def f():\n    import time\n    return time.time()",
        "import random",
        "from random import choice",
        "import secrets",
        "import uuid",
        "from uuid import uuid4",
        "from os import urandom",
        "import os",
        "from cryptography import x509\nx509.random_serial_number()",
        "from cryptography.hazmat.primitives.asymmetric import ec\nec.generate_private_key(ec.X)",
        "from cryptography.hazmat.primitives.asymmetric import rsa",
        "hash('a')",
        "id(object())",
        "open('file')",
        "from io import open",
        "import io",
        "from pathlib import Path",
        "def f(path):\n    return path.read_text()",
        "def f(path):\n    return path.read_bytes()",
        "def f(path):\n    path.write_text('')",
        "def f(path):\n    return path.open()",
        "from hashlib import file_digest",
        "print('a')",
        "input()",
        "import sys",
        "import logging",
        "import socket",
        "import socket as s",
        "import subprocess",
        "import urllib.request",
        "from urllib import request",
        "from urllib.request import urlopen",
        "from jinja2 import FileSystemLoader",
        "import jinja2",
        "import structlog",
        "import importlib",
        "from importlib import import_module",
        "__import__('time')",
        "__builtins__['open']",
        "eval('1')",
        "exec('')",
        "globals()",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import time",
    ],
)
def test_each_way_out_of_the_core_is_found(source: str) -> None:
    assert list(impurities(ast.parse(source))) != []


def test_what_the_core_may_do_is_not_found() -> None:
    source = """
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from gromit.core.time import iso
from urllib import parse
from urllib.parse import unquote

def open_until(at_ms: int, table: Mapping[str, str]) -> datetime:
    table.get("open")
    return datetime.fromtimestamp(at_ms / 1000, UTC)
"""
    assert list(impurities(ast.parse(source))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a = 1 if b else 2 if c else 3", 1),
        ("a = (1 if b else 2) if c else 3", 1),
        ("a = 1 if (2 if b else c) else 3", 1),
        ("a = [1 if b else 2 for b in c] if c else 3", 1),
        ("a = 1 if b else 2 if c else 3 if d else 4", 2),
        ("a = 1 if b else 2\nc = 3 if d else 4", 0),
    ],
)
def test_nested_conditional_expressions_are_found(source: str, found: int) -> None:
    assert len(list(nested_conditionals(ast.parse(source)))) == found


@pytest.mark.parametrize(
    "source",
    [
        "import unittest.mock",
        "import unittest.mock as m",
        "from unittest import mock",
        "from unittest.mock import patch",
    ],
)
def test_mocks_are_found(source: str) -> None:
    assert list(mocks(ast.parse(source))) == ["line 1"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("httpx2.get(url)", True),
        ("httpx2.Client(base_url=url, trust_env=False)", True),
        ("httpx2.post(url, timeout=PATIENCE_S)", False),
        ("httpx2.get(url, **more)", False),
        ("httpx2.Client(transport=ours)", False),
        ("client.get(url)", False),
    ],
)
def test_requests_with_the_limit_of_the_library_are_found(source: str, found: bool) -> None:
    assert bool(list(hasty_requests(ast.parse(source)))) is found


@pytest.mark.parametrize(
    "other",
    [
        "class Part: ...",
        "Part = str | int",
        "Part: TypeAlias = str",
        "class Outer:\n    class Part: ...",
        "if True:\n    class Part: ...",
    ],
)
def test_a_name_of_two_public_types_is_found(other: str) -> None:
    modules = {"a": ast.parse("class Part: ..."), "b": ast.parse(other)}
    assert list(defined_twice(modules)) == ["Part: a, b"]


def test_private_types_and_plain_values_may_share_a_name() -> None:
    source = ast.parse("class _Part: ...\nPARTS = 1\npart = 2\ndef Part(): ...")
    assert list(defined_twice({"a": source, "b": source})) == []
