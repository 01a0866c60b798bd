"""`gromit env unlock`: removes a left-behind lock, after everybody who may know was asked whether its owner still works."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import click

from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.machine import now_ms, operator
from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_rows
from gromit.core.environments.locks import FoundLock, Verdict
from gromit.core.names import is_environment_name, parse_ref
from gromit.core.time import parse_iso
from gromit.errors import BackendError, ConfigError, Conflict, NotFound, TrustError
from gromit.log import get_logger

_log = get_logger(__name__)


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "--yes", is_flag=True, help="Do not ask. What is seen to be at work is left alone all the same."
)
@click.option(
    "--force",
    is_flag=True,
    help="Remove the lock although its owner is seen to live, or serve shows a worker.",
)
@pass_cli
def unlock(run: CliContext, name: str, *, yes: bool, force: bool) -> None:
    """Remove a left-behind terraform lock of which nothing proves that its owner is dead. Be sure that nobody works on it.

    What is known of its owner, and what serve says of the environment, is shown first.
    """
    # boto3 is slow to import, and no other command of this group needs it.
    from gromit.bootstrap.backends import owner_watch, state_bucket  # noqa: PLC0415

    name = name if is_environment_name(name) else parse_ref(name).environment
    bucket, by = state_bucket(run.settings), operator()
    found = bucket.find_lock(name)
    if found is None:
        raise NotFound(f"there is no lock on {name}")
    at_work = list(_at_work(run, found, owner_watch().check_owner))
    if at_work and not force:
        raise Conflict(
            f"the lock on {name} is in use: {'; '.join(at_work)}",
            hint="wait for it, or end it; --force removes the lock under its feet, and may cost the state",
        )
    if not yes:
        click.confirm("Is that process gone for certain? Remove its lock?", abort=True, err=True)
    if not bucket.unlock(found):
        raise Conflict(
            f"the lock on {name} has changed meanwhile; nothing was removed", hint="look again"
        )
    _log.warning(
        "lock.removed", env=name, lock=found.id, left_by=found.who, by=by, forced=bool(at_work)
    )
    print_rows(
        [{"name": name, "lock": found.id, "removed": True, "by": by}],
        ("name", "lock", "removed", "by"),
        run.output,
    )


def _at_work(
    run: CliContext, found: FoundLock, check_owner: Callable[[FoundLock], Verdict]
) -> Iterator[str]:
    """Tell whose lock it is, what its owner does and what serve says; gives what proves that somebody is at work."""
    owner = f"{found.owner.host}, process {found.owner.pid}" if found.owner else found.who
    _report(
        f"{found.environment} has been locked since {found.created} by {owner} for {_work(found)} (lock {found.id})"
    )
    verdict = check_owner(found)
    _report(f"its owner: {verdict.reason}")
    if verdict.lives:
        yield "its owner lives"
    lease, told = _lease(run, found.environment)
    _report(f"serve: {told}")
    if lease:
        yield f"serve shows {lease}"


def _lease(run: CliContext, name: str) -> tuple[str | None, str]:
    """The live claim that serve shows, if any, and serve's view in words. A serve that cannot be asked forbids nothing."""
    try:
        with closing(serve_client(run.settings)) as serve:
            seen: dict[str, Any] = serve.get(f"/v1/environments/{name}")
    except NotFound:
        return None, f"there is no environment {name}"
    except (BackendError, ConfigError, TrustError) as error:
        return None, f"cannot be asked: {error.message}"
    if not (lease := seen["lease"]):
        return None, f"{name} is {seen['phase']}, and no worker has it"
    if parse_iso(lease["until"]) <= now_ms():
        return None, f"{name} is {seen['phase']}; {lease['holder']} had it until {lease['until']}"
    live = f"that {lease['holder']} has it until {lease['until']}"
    return live, f"{name} is {seen['phase']}; {lease['holder']} has it until {lease['until']}"


def _work(found: FoundLock) -> str:
    return found.operation or "unknown work"


def _report(line: str) -> None:
    click.echo(line, err=True)
