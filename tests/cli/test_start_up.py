"""Imports of short commands: each module makes every call slower."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.empty_installation import (
    PASS_MODELS,
    PASS_MODULES,
    besides_python,
    empty_installation,
    operator_variables,
    pass_variables,
    run_command,
)

SERVERS = ("prometheus_client", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "jwt")
AWS = ("boto3", "botocore", "gromit.adapters", "gromit.services")
LOCAL = ("moto", "flask", "dns", "gromit.local")
OUTPUT = ("structlog", "rich", "pygments", "attr")
"""Only a log line or a terminal needs them."""
NEVER = (
    *SERVERS,
    *AWS,
    *LOCAL,
    *OUTPUT,
    "cryptography",
    "jinja2",
    "pydantic",
    "httpx2",
    "httpcore2",
    "asyncio",
    "gromit.core.doctor",
    "gromit.core.dns",
    "gromit.core.environments.environment",
    "yaml",
)
NEVER_WITHOUT_WORK = (
    "pydantic",
    "yaml",
    "jinja2",
    "rich",
    "pygments",
    "attr",
    "cryptography",
    "gromit.adapters.catalogue",
    "gromit.adapters.terraform",
    "gromit.bootstrap.backends",
    "gromit.core.discrepancies",
    "gromit.core.dns",
    "gromit.core.environments.environment",
    "gromit.core.stack.catalogue",
    "gromit.bootstrap.sow",
    "gromit.bootstrap.reap",
    "gromit.bootstrap.chitragupta",
    "gromit.services.sowing",
    "gromit.services.reaping",
)
"""Work needs them, and so does a catalogue of a person."""
NEVER_WITHOUT_RECORDS = (
    "pydantic",
    "jinja2",
    "rich",
    "pygments",
    "attr",
    "cryptography",
    "httpx2",
    "gromit.adapters.aws.dynamodb",
    "gromit.adapters.catalogue.entry",
    "gromit.adapters.terraform",
    "gromit.bootstrap.backends",
    "gromit.services.sowing",
    "gromit.services.reaping",
)
"""A catalogue of a person needs them, or a component whose health is asked for."""
SETTINGS = ("gromit.config",)
CLIENT = ("http", "ssl", "gromit.web", "gromit.bootstrap")


@pytest.fixture
def url() -> Iterator[str]:
    """Address of a server that lists one environment."""
    with empty_installation() as url:
        yield url


@pytest.fixture
def credentials(tmp_path: Path) -> Mapping[str, str]:
    """Variables that name an operator's certificate."""
    return operator_variables(tmp_path / "pki")


def _found(modules: frozenset[str], unwanted: tuple[str, ...]) -> list[str]:
    return sorted(m for m in modules if any(m == u or m.startswith(f"{u}.") for u in unwanted))


@pytest.mark.parametrize(
    ("command", "shown"),
    [(["--help"], "catalogue"), (["env", "--help"], "unlock"), (["root", "--help"], "init")],
)
def test_help_imports_click_alone(tmp_path: Path, command: list[str], shown: str) -> None:
    output, modules = run_command(*command, home=tmp_path)
    assert shown in output
    assert _found(modules, (*NEVER, *SETTINGS, *CLIENT)) == []


def test_config_show_imports_settings_and_no_client(tmp_path: Path) -> None:
    output, modules = run_command("config", "show", home=tmp_path)
    assert "serve.url" in output
    assert _found(modules, (*NEVER, *CLIENT, "gromit.core.environments")) == []


@pytest.mark.parametrize("output", ["table", "json"])
def test_env_list_imports_a_client_and_no_server(
    url: str, credentials: Mapping[str, str], output: str, tmp_path: Path
) -> None:
    text, modules = run_command(
        "env", "list", "-o", output, home=tmp_path, GROMIT_SERVE_URL=url, **credentials
    )
    assert "2026-11-24T18:33:43Z" in text
    assert _found(modules, NEVER) == []


def test_suspend_imports_the_config_tree_without_templates_and_services(
    url: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    _, modules = run_command("suspend", "list", home=tmp_path, GROMIT_SERVE_URL=url, **credentials)
    found = [m for m in _found(modules, NEVER) if not m.startswith("gromit.adapters")]
    assert found == []
    assert _found(modules, ("gromit.adapters",)) != []
    assert "gromit.adapters.aws" not in modules


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("sow", "nothing was due"),
        ("reap", "nothing was due"),
        ("chitragupta", "nothing to change"),
    ],
)
def test_a_pass_without_work_imports_nothing_of_work(
    url: str,
    credentials: Mapping[str, str],
    command: str,
    shown: str,
    tmp_path: Path,
) -> None:
    run_command("root", "init", str(tmp_path / "root"), home=tmp_path)
    output, modules = run_command(
        command,
        str(tmp_path / "root"),
        home=tmp_path,
        **pass_variables(url),
        **credentials,
    )
    assert shown in output
    unwanted = NEVER_WITHOUT_RECORDS if command == "chitragupta" else NEVER_WITHOUT_WORK
    assert _found(modules, (*unwanted, *SERVERS, *LOCAL)) == []
    assert _found(modules, ("boto3",)) != []
    assert len(besides_python(modules)) <= PASS_MODULES[command]
    models = sorted(m.removeprefix("model ") for m in modules if m.startswith("model "))
    assert models == PASS_MODELS[command]


def test_a_command_on_aws_shows_that_these_modules_would_be_found(tmp_path: Path) -> None:
    _, modules = run_command("cluster", "--help", home=tmp_path)
    assert _found(modules, ("boto3",)) != []
