"""Help of commands: each is in one group, sentences are whole, and examples can be run."""

import shlex
from collections.abc import Mapping

import click
import pytest
from click.testing import CliRunner

from gromit.cli import COMMANDS, root
from gromit.cli.env import env
from gromit.cli.help_pages import ENV_GROUPS, EXAMPLES, GROUPS, write_commands


@pytest.mark.parametrize(
    ("groups", "commands"), [(GROUPS, COMMANDS), (ENV_GROUPS, env.commands)], ids=["root", "env"]
)
def test_a_group_has_commands_that_exist_and_no_other_group_has_them(
    groups: Mapping[str, tuple[str, ...]], commands: Mapping[str, object]
) -> None:
    grouped = [name for names in groups.values() for name in names]
    assert sorted(grouped) == sorted(set(grouped) & set(commands))


def test_a_command_without_a_group_is_shown_all_the_same() -> None:
    formatter = click.HelpFormatter()
    write_commands(formatter, {"new": "do it", "env": "environments"}, GROUPS)
    assert "Other commands:\n  new  do it\n" in formatter.getvalue()


@pytest.mark.parametrize("words", [(), ("env",), ("pki",), ("local",)])
def test_no_sentence_of_a_command_is_cut(words: tuple[str, ...]) -> None:
    text = CliRunner().invoke(root, [*words, "--help"]).output
    _usage, *lines = text.splitlines()
    assert [line for line in lines if line.endswith("...")] == []


def test_the_help_shows_groups_and_examples() -> None:
    text = CliRunner().invoke(root, ["env", "--help"]).output
    assert all(f"{title}:" in text for title in (*ENV_GROUPS, "Examples"))
    assert "gromit env list --phase ready,failed" in text


@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_is_a_command_that_can_be_parsed(path: str) -> None:
    for example in EXAMPLES[path]:
        line = example.removeprefix('eval "$(').removesuffix(')"').partition(" | ")[0]
        program, *words = shlex.split(line)
        assert (program, " ".join(words).startswith(path)) == ("gromit", True)
        _parsed(root, words)


def _parsed(group: click.Command, words: list[str]) -> None:
    """Parse a command line without running it. Raises a usage error for a wrong one."""
    context = click.Context(group, info_name="gromit")
    while isinstance(group, click.Group):
        command = group.get_command(context, words[0])
        assert command is not None, words
        group, words = command, words[1:]
        context = click.Context(group, info_name=command.name, parent=context)
    group.parse_args(context, list(words))
