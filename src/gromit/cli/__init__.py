"""The command line. Commands parse, call one service, and render; each lives in a module that is imported only when called.

Exit codes: 0 done · 1 failed · 2 usage · 3 bug · 4 partly done · 5 suspended · 78 config root not usable · 130 interrupted.
"""

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

from gromit.errors import ConfigError, ConfigRootUnusable, GromitError, InvalidInput, Suspended

if TYPE_CHECKING:
    from gromit.config.load import LoadedSettings
    from gromit.config.schema import Settings

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serve", "the mTLS API of environments, only writer of their table"),
    "gateway": ("gateway", "token in, mTLS out: where release workflows report"),
    "sow": ("sow", "make environments as they are wanted"),
    "reap": ("reap", "destroy environments that are no longer wanted"),
    "chitragupta": ("chitragupta", "keep the public DNS records of what runs"),
    "cluster": ("cluster", "what runs: list, show, expose"),
    "env": ("env", "environments: list, get, change, wait for, delete"),
    "terraform": ("terraform", "terraform on one environment, by hand"),
    "suspend": ("suspend", "stop all processing"),
    "resume": ("suspend", "let processing go on"),
    "catalogue": ("catalogue", "show or check what environments consist of"),
    "config": ("config", "show every setting and where it came from"),
    "root": ("root_init", "make a folder a config root"),
    "pki": ("pki", "certificates: init, issue, renew, revoke, list"),
    "token": ("token", "tokens of the gateway: new, list, revoke"),
    "doctor": ("doctor", "look at an installation: what is wrong, and how to mend it"),
    "migrate": ("migrate", "take over from the earlier system, once"),
    "local": ("local", "the whole system on this machine"),
}
"""Command to (module in this package, one line of help). The help stands here so that `gromit --help` imports nothing."""

EXIT_CODES: Mapping[type[GromitError], int] = {
    ConfigError: 2,
    InvalidInput: 2,
    Suspended: 5,
    ConfigRootUnusable: 78,
}
FAILED, BUG, PARTLY, INTERRUPTED = 1, 3, 4, 130


@dataclass
class CliContext:
    """What a command is called with besides its own options: `--conf`, `--set`, `-o` and `-v`."""

    conf: Path | None = None
    output: str = "table"
    verbose: bool = False
    flags: dict[str, str] = field(default_factory=dict)
    """Settings given with `--set`."""
    level: str = "warn"
    """Least severe level that is logged if nobody has said anything about it."""

    @cached_property
    def loaded(self) -> "LoadedSettings":
        """Settings and their origins; logging is set up on the way."""
        from gromit import log  # noqa: PLC0415 - pydantic is slow to import, and --help needs none
        from gromit.config.load import load_settings  # noqa: PLC0415 - pydantic is slow to import, and --help needs none

        loaded = load_settings(os.environ, conf=self.conf, flags=self.flags)
        level = loaded.settings.log.level if "log.level" in loaded.origins else self.level
        log.configure_logging("debug" if self.verbose else level, loaded.settings.log.format)
        return loaded

    @property
    def settings(self) -> "Settings":
        """The settings alone."""
        return self.loaded.settings


pass_cli = click.make_pass_decorator(CliContext, ensure=True)


def _store(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
        if value is not None and value is not False:
            setattr(ctx.ensure_object(CliContext), name, value)
        return value

    return callback


def _set(ctx: click.Context, param: click.Parameter, pairs: tuple[str, ...]) -> None:
    """Keep the settings of `--set`. Raises a usage error for one that does not exist, or must not stand on a command line."""
    if not pairs:
        return
    from gromit.config.fields import fields  # noqa: PLC0415 - pydantic is slow to import, and most commands are called without --set

    known = {doc.path: doc for doc in fields()}
    for key, equals, value in (pair.partition("=") for pair in pairs):
        if not equals:
            raise click.BadParameter(
                "not KEY=VALUE, like reap.grace=0", ctx, param
            )  # not quoted: it may be a secret
        if key not in known:
            raise click.BadParameter(
                f"there is no setting {key!r}; `gromit config show` lists all", ctx, param
            )
        if known[key].secret:
            told = f"{key} is secret, and the command line is seen by everybody; use {known[key].variable} or the config file"
            raise click.BadParameter(told, ctx, param)
        ctx.ensure_object(CliContext).flags[key] = value


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
            help="A setting, like reap.grace=0; may be repeated.",
        ),
        click.Option(
            ["-o", "--output"],
            type=formats,
            expose_value=False,
            callback=_store("output"),
            help="Form of results.",
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
    """A command that also takes `--conf`, `--set`, `-o` and `-v`. It logs warnings and errors unless more is asked for."""

    level = "warn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command."""
        ctx.ensure_object(CliContext).level = self.level
        return super().invoke(ctx)


class LongRunningCommand(Command):
    """A command that works on environments or serves: what it does is in its logs."""

    level = "info"


class Group(click.Group):
    """A group whose commands take the shared options."""

    command_class = Command
    group_class = type


class _Root(Group):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(
            import_module(f"gromit.cli.{COMMANDS[cmd_name][0]}"), cmd_name.replace("-", "_")
        )
        if not isinstance(command, click.Command):
            raise TypeError(f"gromit.cli.{COMMANDS[cmd_name][0]} has no command {cmd_name}")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, text) for name, (_, text) in COMMANDS.items()] or [("(none)", "")]
            )


@click.command(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gromit")
def root() -> None:
    """One branch, one running environment: a control plane for developer environments on AWS."""


def main() -> None:
    """Run the command line and end the process with the documented exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:  # noqa: PLR0911 - one return for each way a command can end
    """Run one command; gives its exit code. The one place where errors become messages."""
    try:
        result = root.main(args=arguments, prog_name="gromit", standalone_mode=False)
    except GromitError as error:
        return _report(error)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        return _report_usage(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except Exception:  # noqa: BLE001 - the last net: whatever comes here is a bug and must say so
        traceback.print_exc()
        click.echo("this is a bug in gromit; please report it with the lines above", err=True)
        return BUG
    return result if isinstance(result, int) else 0


def _report(error: GromitError) -> int:
    _say(error.message, error.hint)
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)


def _report_usage(error: click.ClickException) -> int:
    """Click's own errors look as all others do. What is called with nothing at all gets its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    text = error.format_message()
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else None
    _say(
        text[:1].lower() + text[1:].rstrip("."),
        f"`{path} --help` says how it is called" if path else None,
    )
    return error.exit_code


def _say(message: str, hint: str | None) -> None:
    click.echo(f"gromit: {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)
