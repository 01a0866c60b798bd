"""`gromit pki`: gromit's own CA, and the certificates of servers, workers and people."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.pki import build_pki, key_store
from gromit.cli import CliContext, Group, LongRunningCommand, pass_cli, render
from gromit.core.security.certificates import LeafRequest
from gromit.core.security.roles import Role
from gromit.core.time import iso
from gromit.errors import ConfigError, InvalidInput
from gromit.services.pki import RenewalResult

ROLES = ("gateway", "worker", "operator", "developer", "viewer", "server")
_COLUMNS = ("name", "role", "serial", "not_after", "state")
_password_file = click.option(
    "--p12-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the password of the .p12 in its first line. Default: a prompt.",
)


@click.group(cls=Group)
def pki() -> None:
    """The CA in the folder `pki.dir`, and its certificates."""


@pki.command()
@click.option(
    "--name", default="gromit", show_default=True, help="Name of the CA in its certificate."
)
@click.option("--days", type=click.IntRange(1), help="Lifetime in days. Default: `pki.ca_days`.")
@click.option(
    "--key-out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="New file for the key and certificate. The key is then not stored in `pki.dir`.",
)
@click.option(
    "--secret",
    metavar="ARN",
    help="Like --key-out, but an empty secret of Secrets Manager, by name or ARN.",
)
@pass_cli
def init(
    run: CliContext, *, name: str, days: int | None, key_out: Path | None, secret: str | None
) -> None:
    """Create the CA. An existing CA is never overwritten."""
    settings = run.settings.pki
    if settings.ca_key is not None:
        raise InvalidInput(
            "pki.ca_key is set: a CA exists already",
            hint="unset it to create another CA in another folder",
        )
    if key_out is not None and secret is not None:
        raise InvalidInput(
            "--key-out and --secret exclude each other", hint="store the key in one place"
        )
    serial = build_pki(run.settings).init(
        name, days or settings.ca_days, key_store(key_out, secret)
    )
    _show(
        run,
        [{"serial": serial, "certificate": str(settings.dir / "ca.pem")}],
        ("serial", "certificate"),
    )


@pki.command()
@click.option(
    "--role",
    required=True,
    type=click.Choice(ROLES),
    help="Role of the holder; server: for serve or a gateway.",
)
@click.option(
    "--name", required=True, help="Name of the holder, a DNS name. The files are named after it."
)
@click.option("--san", multiple=True, help="Another DNS name or IP address. Repeatable.")
@click.option("--p12", is_flag=True, help="Also write NAME.p12, for browsers.")
@_password_file
@click.option(
    "--days", type=click.IntRange(1, 397), help="Lifetime in days. Default: `pki.leaf_days`."
)
@pass_cli
def issue(
    run: CliContext,
    *,
    role: str,
    name: str,
    san: tuple[str, ...],
    p12: bool,
    p12_password_file: Path | None,
    days: int | None,
) -> None:
    """Issue a certificate with a new key."""
    settings = run.settings.pki
    wanted = _leaf(name, role, san, days or settings.leaf_days)
    authority = build_pki(run.settings)
    authority.check(wanted)
    issued = authority.issue(
        wanted, _password(p12_password_file) if p12 or p12_password_file else None
    )
    row = {
        "name": name,
        "role": role,
        "serial": issued.serial,
        "not_after": _instant(issued.not_after),
        "certificate": str(authority.folder_of(name) / f"{name}.pem"),
        "key": str(authority.folder_of(name) / f"{name}-key.pem"),
    }
    _show(run, [row], ("name", "role", "serial", "not_after", "certificate", "key"))


@pki.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All names.")
@click.option(
    "--force", is_flag=True, help="Also renew certificates before two thirds of their lifetime."
)
@_password_file
@pass_cli
def renew(
    run: CliContext,
    *,
    names: tuple[str, ...],
    every: bool,
    force: bool,
    p12_password_file: Path | None,
) -> None:
    """Renew NAMES, with new keys, after two thirds of their lifetime."""
    if bool(names) == every:
        raise InvalidInput("no certificates to renew were given", hint="give either names or --all")
    password = _password(p12_password_file) if p12_password_file else None
    _show_renewals(run, build_pki(run.settings).renew(names, force=force, p12_password=password))


def _instant(moment: datetime) -> str:
    """Return an instant in the form of all commands."""
    return iso(int(moment.timestamp() * 1000))


def _show_renewals(run: CliContext, done: Sequence[RenewalResult]) -> None:
    rows = [
        {
            "name": each.name,
            "serial": each.renewed.serial if each.renewed else None,
            "not_after": _instant(each.renewed.not_after) if each.renewed else None,
            "result": each.reason,
        }
        for each in done
    ]
    render.print_rows(
        rows,
        ("name", "serial", "not_after", "result"),
        run.output,
        empty="no certificates were issued",
    )


@pki.command(cls=LongRunningCommand)
@click.option(
    "--leaf",
    "leaves",
    metavar="[PART/]NAME=ROLE[,SAN...]",
    multiple=True,
    required=True,
    help="A certificate that has to exist, as of `issue`. PART is its folder in `pki.dir`. "
    "Repeatable.",
)
@click.option(
    "--new-root",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Also mark this folder as a config root, if it is an empty volume.",
)
@pass_cli
def ensure(run: CliContext, leaves: tuple[str, ...], new_root: Path | None) -> None:
    """Issue missing, revoked or changed certificates, and renew those that are due.

    The command is idempotent: run from a timer, it keeps the certificates of an installation valid.
    The folder of a part holds only its own keys, the CA's certificate and the deny list. Mount no
    other folder into the part.
    """
    days = run.settings.pki.leaf_days
    wanted = [_parsed(text, days) for text in leaves]
    parts = {leaf.name: part for part, leaf in wanted if part}
    done = build_pki(run.settings).ensure([leaf for _, leaf in wanted], parts)
    _show_renewals(run, done)
    if new_root is not None:
        # Only a new installation needs the config tree, and the templates' language with it.
        from gromit.adapters.config_tree.root import mark_new_root  # noqa: PLC0415

        mark_new_root(new_root)


@pki.command()
@click.argument("which", metavar="NAME|SERIAL")
@pass_cli
def revoke(run: CliContext, which: str) -> None:
    """Add a certificate, or all of a name, to the deny list that servers read at each request."""
    revoked = build_pki(run.settings).revoke(which)
    rows = [{"name": line.name, "role": str(line.kind), "serial": line.serial} for line in revoked]
    render.print_rows(rows, ("name", "role", "serial"), run.output, empty="it is already revoked")
    if run.settings.serve.denylist is None:
        path = run.settings.pki.dir / "denylist"
        click.echo(
            f"serve.denylist is not set: serve reads the deny list only if it names {path}",
            err=True,
        )


@pki.command()
@click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@pass_cli
def trust(run: CliContext, file: Path) -> None:
    """Let all parts accept also the certificates of another CA, whose ca.pem is FILE.

    Do this before the next CA issues its first certificate.
    """
    serial = build_pki(run.settings).trust(file.read_bytes())
    _show(run, [{"serial": serial}], ("serial",))


@pki.command("list")
@pass_cli
def list_(run: CliContext) -> None:
    """List all certificates and their status."""
    rows = [
        {
            "name": line.name,
            "role": str(line.kind),
            "serial": line.serial,
            "not_after": _instant(line.not_after),
            "state": str(status),
            "sans": list(line.sans),
        }
        for line, status in build_pki(run.settings).list()
    ]
    render.print_rows(rows, _COLUMNS, run.output, empty="no certificates were issued")


def _leaf(name: str, role: str, sans: tuple[str, ...], days: int) -> LeafRequest:
    return LeafRequest(
        name=name, kind="server" if role == "server" else Role(role), sans=sans, days=days
    )


def _parsed(text: str, days: int) -> tuple[str, LeafRequest]:
    """Return the part, which may be empty, and the certificate of a `--leaf`."""
    where, _, spec = text.partition("=")
    part, slash, name = where.rpartition("/")
    role, *sans = spec.split(",")
    if not name or (slash and not part) or role not in ROLES or not all(sans):
        raise InvalidInput(
            f"--leaf {text!r} is not [PART/]NAME=ROLE[,SAN...]",
            hint=f"for example NAME=ROLE or PART/NAME=ROLE,SAN,SAN; roles: {', '.join(ROLES)}",
        )
    return part, _leaf(name, role, tuple(sans), days)


def _password(file: Path | None) -> str:
    if file is None:
        return str(
            click.prompt(
                "Password of the .p12", hide_input=True, confirmation_prompt=True, err=True
            )
        )
    try:
        password = next(iter(file.read_text("utf-8").splitlines()), "")
    except (OSError, UnicodeDecodeError):
        password = ""
    if not password:
        raise ConfigError(
            f"{file} has no password in its first line",
            hint="write the password into its first line, readable only by you",
        )
    return password


def _show(run: CliContext, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if run.output == "json":
        render.print_json(rows[0])
    else:
        render.print_rows(rows, columns, run.output)
