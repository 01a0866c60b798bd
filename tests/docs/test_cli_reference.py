"""The reference of commands matches the commands."""

import re

import pytest

from tests.docs.cli_reference import commands, page, shared_options
from tests.docs.markdown import ROOT, read

TEXT = read("reference/cli.md")


def test_the_page_is_what_the_commands_say() -> None:
    assert page() == TEXT, "run: make docs"


def test_every_command_says_what_it_does() -> None:
    assert [c.command_path for c in commands() if not c.command.help] == []


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{context.command_path} {parameter.name}"
        for context in commands()
        for parameter in context.command.params
        if parameter.param_type_name == "option" and not getattr(parameter, "help", None)
    ]
    assert silent == []


def test_every_command_takes_the_shared_options() -> None:
    for context in commands():
        if not hasattr(context.command, "commands"):
            assert shared_options() - {"--help"} <= {
                name for p in context.command.params for name in p.opts
            }, context.command_path


@pytest.mark.parametrize("name", sorted({c.command_path.split()[1] for c in commands()}))
def test_the_front_page_names_every_command(name: str) -> None:
    table = [
        line
        for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `gromit")
    ]
    assert any(re.search(rf"`(?:gromit )?{name}[ `]", line) for line in table)
