"""The command line. A command parses its options, calls one service and prints the result.

Each command is in a module of its own, which is imported only when the command is called.

Exit codes: 0 done · 1 failed · 2 usage · 3 bug · 4 partly done · 5 suspended
· 78 config root not usable · 130 interrupted.
"""

import gc
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gromit.cli.complaints import (
    BUG,
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    PARTLY,
    no_such_command,
    report_error,
    report_full_disk,
    report_usage,
    wants_json,
)
from gromit.cli.help_pages import GROUPS, first_sentence, write_commands, write_examples
from gromit.errors import ConfigError, GromitError

__all__ = ["BUG", "EXIT_CODES", "FAILED", "INTERRUPTED", "PARTLY"]

if TYPE_CHECKING:
    from gromit.config.load import LoadedSettings
    from gromit.config.schema import Settings

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serve", "run the mTLS API of environments, the only writer of their table"),
    "gateway": ("gateway", "run the gateway that release workflows report builds to"),
    "sow": ("sow", "bring environments to their desired state"),
    "reap": ("reap", "destroy deleted environments after their grace period"),
    "chitragupta": ("chitragupta", "keep the public DNS records of running environments"),
    "cluster": ("cluster", "clusters of environments: list, show, expose"),
    "env": ("env", "environments: list, get, create, change, wait, delete"),
    "login": ("login", "log in at a gateway, to need no certificate"),
    "logout": ("login", "forget the login"),
    "whoami": ("login", "show your name and role"),
    "ui": ("ui", "show all environments in a browser"),
    "plan": ("plan", "show what sow, reap and chitragupta would do now"),
    "cost": ("cost", "show what environments cost, and who has which share"),
    "audit": ("audit", "search who did what to which environment, and when"),
    "terraform": ("terraform", "run terraform on one environment"),
    "suspend": ("suspend", "stop all processing"),
    "resume": ("suspend", "resume processing"),
    "catalogue": ("catalogue", "show or check the components of environments"),
    "secrets": ("secrets", "secrets of environments: list, make, replace"),
    "config": ("config", "show every setting and its origin"),
    "root": ("root_init", "mark a folder as a config root"),
    "pki": ("pki", "certificates: init, issue, renew, revoke, list"),
    "token": ("token", "tokens of the gateway: new, list, revoke"),
    "doctor": ("doctor", "check an installation and suggest fixes"),
    "migrate": ("migrate", "migrate from gromit v1"),
    "local": ("local", "run gromit and an emulated AWS on this machine"),
    "completion": ("completion", "completion of commands and names for bash, zsh and fish"),
}
"""Module in this package and one line of help, by command.

The help is here so that `gromit --help` imports no command.
"""

V1_COMMANDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("run", "create", "update"), ("sow", "sow")),
    **dict.fromkeys(("del", "delete", "rm", "remove"), ("reap", "reap")),
    "help": ("v1_commands", "help_"),
    "version": ("v1_commands", "version"),
}
"""Module and name of each command of gromit v1 that no help lists, by its word."""

_LOGGING = frozenset({"serve", "gateway", "sow", "reap", "chitragupta", "cluster"})
"""Modules of commands that always log, so that they import all of the log before the rest."""

_GROUPS = ("env", "cluster", "pki", "token")
"""Groups whose commands are suggested for a word that is no command."""
_V1_LEVELS = {"fatal": "error", "panic": "error", "disabled": "error"}
"""Log levels that only gromit v1 has, each with the nearest one."""


@dataclass
class CliContext:
    """The options that all commands share: `--conf`, `--set`, `-o` and `-v`."""

    conf: Path | None = None
    output: str = "table"
    verbose: bool = False
    flags: dict[str, str] = field(default_factory=dict)
    """Settings given with `--set`."""
    level: str = "warn"
    """Least severe level that is logged unless a setting or `-v` says otherwise."""

    @cached_property
    def loaded(self) -> "LoadedSettings":
        """Settings and their origins. Reading them also configures logging."""
        # pydantic is slow to import, and --help does not need it.
        from gromit.config.load import load_settings  # noqa: PLC0415

        return self._logging(load_settings(os.environ, conf=self.conf, flags=self.flags))

    def load_usable(self) -> tuple["LoadedSettings", list[ConfigError]]:
        """Settings that are right, and what is wrong with the others."""
        from gromit.config.load import load_usable_settings  # noqa: PLC0415 - see `loaded`

        found, faults = load_usable_settings(os.environ, conf=self.conf, flags=self.flags)
        return self._logging(found), faults

    def _logging(self, loaded: "LoadedSettings") -> "LoadedSettings":
        """Configure logging as the settings say."""
        from gromit import log  # noqa: PLC0415 - see `loaded`

        level = loaded.settings.log.level if "log.level" in loaded.origins else self.level
        log.configure_logging("debug" if self.verbose else level, loaded.settings.log.format)
        if loaded.v1_keys:
            lines = log.get_logger(__name__)
            lines.warning("config.legacy_keys_ignored", file=loaded.file, keys=list(loaded.v1_keys))
        return loaded

    @property
    def settings(self) -> "Settings":
        """Settings."""
        return self.loaded.settings


pass_cli = click.make_pass_decorator(CliContext, ensure=True)


def _store(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
        if value is not None and value is not False:
            setattr(ctx.ensure_object(CliContext), name, value)
        return value

    return callback


def _set(ctx: click.Context, param: click.Parameter, pairs: tuple[str, ...]) -> None:
    """Keep the settings of `--set`.

    Raises a usage error for an unknown setting, and for a secret one.
    """
    if not pairs:
        return
    # pydantic is slow to import, and most commands are called without --set.
    from gromit.config.fields import fields  # noqa: PLC0415

    known = {doc.path: doc for doc in fields()}
    for key, equals, value in (pair.partition("=") for pair in pairs):
        if not equals:
            # The text is not quoted: it may be a secret.
            raise click.BadParameter("not KEY=VALUE, like reap.grace=0", ctx, param)
        if key not in known:
            raise click.BadParameter(
                f"there is no setting {key!r}; `gromit config show` lists all", ctx, param
            )
        if known[key].secret:
            raise click.BadParameter(
                f"{key} is secret, and every user can read the command line; "
                f"use {known[key].variable} or the config file",
                ctx,
                param,
            )
        ctx.ensure_object(CliContext).flags[key] = value


def _v1_setting(path: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return the callback of an option of gromit v1 that sets a setting."""

    def callback(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        text = (value or "").removeprefix("=").lower()
        if text:
            ctx.ensure_object(CliContext).flags[path] = _V1_LEVELS.get(text, text)

    return callback


def v1_log_options() -> list[click.Parameter]:
    """Return `-l` and `-t` of gromit v1. No help shows them."""
    return [
        click.Option(
            ["-l", "--loglevel"],
            hidden=True,
            expose_value=False,
            callback=_v1_setting("log.level"),
            help="Set log.level.",
        ),
        click.Option(
            ["-t", "--textlogs"],
            hidden=True,
            expose_value=False,
            flag_value="text",
            callback=_v1_setting("log.format"),
            help="Set log.format=text.",
        ),
    ]


def _shared_options() -> list[click.Parameter]:
    folder = click.Path(exists=True, dir_okay=False, path_type=Path)
    formats = click.Choice(["table", "json"])
    return [
        click.Option(
            ["--conf"],
            type=folder,
            expose_value=False,
            callback=_store("conf"),
            help="Config file.",
        ),
        click.Option(
            ["--set"],
            multiple=True,
            metavar="KEY=VALUE",
            expose_value=False,
            callback=_set,
            help="Set a setting, like reap.grace=0. Repeatable.",
        ),
        click.Option(
            ["-o", "--output"],
            type=formats,
            expose_value=False,
            callback=_store("output"),
            help="Output format.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_store("verbose"),
            help="Show debug logs.",
        ),
    ]


class Command(click.Command):
    """A command that also takes `--conf`, `--set`, `-o` and `-v`. It logs warnings and errors."""

    level = "warn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend([*_shared_options(), *v1_log_options()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Add examples."""
        write_examples(ctx, formatter)
        super().format_epilog(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        ctx.ensure_object(CliContext).level = self.level
        if not gc.isenabled():
            gc.freeze()  # modules stay until the end
            gc.enable()
        return super().invoke(ctx)


class LongRunningCommand(Command):
    """A command that works on environments or serves. It also logs at info."""

    level = "info"


class Group(click.Group):
    """A group whose commands take the shared options."""

    command_class = Command
    group_class = type
    sections: Mapping[str, tuple[str, ...]] = {}
    """Commands by section of the help; without any, all are in one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(v1_log_options())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Add all commands that are not hidden."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        shown = {n: first_sentence(c) for n, c in found.items() if c and not c.hidden}
        write_commands(formatter, shown, self.sections)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Add examples."""
        write_examples(ctx, formatter)
        super().format_epilog(ctx, formatter)


class _Root(Group):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first word.

        Raises `NoSuchCommand` with similar words. click compares only commands that are imported.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            groups = {name: self._commands_of(ctx, name) for name in _GROUPS}
            raise no_such_command(error.command_name, [*COMMANDS], groups, ctx) from None

    def _commands_of(self, ctx: click.Context, name: str) -> list[str]:
        group = self.get_command(ctx, name)
        return group.list_commands(ctx) if isinstance(group, click.Group) else []

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, name = COMMANDS[cmd_name][0], cmd_name.replace("-", "_")
        elif cmd_name in V1_COMMANDS:
            module, name = V1_COMMANDS[cmd_name]
        else:
            return None
        if module in _LOGGING:
            from gromit.log import import_lean_structlog  # noqa: PLC0415 - --help does not need it

            import_lean_structlog()
        command = getattr(import_module(f"gromit.cli.{module}"), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"gromit.cli.{module} has no command {cmd_name}")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_commands(formatter, {n: text for n, (_, text) in COMMANDS.items()}, GROUPS)


@click.command(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gromit")
def root() -> None:
    """One branch, one running environment: a control plane for developer environments on AWS."""


def main() -> None:
    """Run the command line and end the process with the documented exit code."""
    gc.disable()  # until the command runs: modules leave no garbage, and a search takes time
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:  # noqa: PLR0911 - one return for each way a command can end
    """Run one command and return its exit code. Only here do errors become messages."""
    as_json = wants_json(arguments)
    try:
        result = root.main(args=arguments, prog_name="gromit", standalone_mode=False)
    except GromitError as error:
        return report_error(error, as_json=as_json)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        return report_usage(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except Exception as error:  # noqa: BLE001 - any other error is a bug and must say so
        full = report_full_disk(error, as_json=as_json) if isinstance(error, OSError) else None
        return _report_bug() if full is None else full
    return result if isinstance(result, int) else 0


def _report_bug() -> int:
    traceback.print_exc()
    click.echo("this is a bug in gromit; please report it with the lines above", err=True)
    return BUG
