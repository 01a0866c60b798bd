"""Make the reference of commands from the commands themselves (`make docs`)."""

import inspect
from collections.abc import Iterator

import click

from gromit.cli import COMMANDS, root

_HEAD = """\
# Commands

`make docs` generates this page from the commands themselves, and a test compares the two.

In a usage line, brackets mark what you can omit, and `...` or `…` means one or more.
An argument ROOT is the config root. Without it, the command uses the setting `root`.
chitragupta runs without a config root if neither is set.
[errors.md](errors.md) lists the exit codes, and [settings.md](settings.md) lists the settings.
Commands write results to standard output, and progress and logs to standard error.

Every command also accepts these options:

| option | meaning |
|---|---|
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD + _shared(), _overview(), *_commands()])


def shared_options() -> frozenset[str]:
    """Options of every command, by their longest form."""
    return frozenset(_longest(p) for p in _options(root)) - {"--version"} | {"--help"}


def commands() -> Iterator[click.Context]:
    """Contexts of all commands and groups, in the order of `gromit --help`."""
    yield from _below(click.Context(root, info_name="gromit"))


def _below(context: click.Context) -> Iterator[click.Context]:
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                inner = click.Context(command, info_name=name, parent=context)
                yield inner
                yield from _below(inner)


def _shared() -> str:
    records = [_record(p) for p in _options(root) if _longest(p) in shared_options()]
    return "".join(
        f"{row}\n" for row in [*records, "| `-h, --help` | Show the usage of the command. |"]
    )


def _overview() -> str:
    rows = "".join(
        f"| [`gromit {name}`](#gromit-{name}) | {text} |\n" for name, (_, text) in COMMANDS.items()
    )
    return f"| command | what it does |\n|---|---|\n{rows}"


def _commands() -> Iterator[str]:
    for context in commands():
        level = "#" * (context.command_path.count(" ") + 1)
        usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
        parts = [
            f"{level} {context.command_path}\n",
            f"    {usage}\n",
            *_text(context.command),
            *_table(context.command),
        ]
        yield "\n".join(parts)


def _text(command: click.Command) -> Iterator[str]:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield " ".join(paragraph.split()) + "\n"


def _table(command: click.Command) -> Iterator[str]:
    own = [p for p in _options(command) if _longest(p) not in shared_options()]
    if own:
        yield "| option | meaning |\n|---|---|\n" + "".join(f"{_record(p)}\n" for p in own)


def _options(command: click.Command) -> list[click.Option]:
    return [p for p in command.params if isinstance(p, click.Option) and not p.hidden]


def _longest(option: click.Option) -> str:
    return max(option.opts, key=len)


def _record(option: click.Option) -> str:
    record = option.get_help_record(click.Context(root))
    if record is None:
        raise ValueError(f"{option.name} is hidden")
    names, text = (" ".join(part.replace("|", "\\|").split()) for part in record)
    return f"| `{names}` | {text} |"
