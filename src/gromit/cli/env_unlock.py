"""`gromit env unlock`: remove a stale lock, unless its owner lives or serve shows a worker."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import environment_argument
from gromit.cli.render import print_rows
from gromit.core.names import is_environment_name, parse_ref
from gromit.core.time import parse_iso
from gromit.errors import BackendError, ConfigError, Conflict, NotFound, TrustError
from gromit.log import get_logger

# The other commands of the group need no locks.
if TYPE_CHECKING:
    from gromit.core.environments.terraform_locks import FoundLock, Verdict

_log = get_logger(__name__)


@click.command(cls=Command)
@environment_argument
@click.option(
    "--yes", is_flag=True, help="Skip the prompt. Locks with a live owner are still refused."
)
@click.option(
    "--force",
    is_flag=True,
    help="Remove the lock even if its owner lives or serve shows a worker.",
)
@pass_cli
def unlock(run: CliContext, name: str, *, yes: bool, force: bool) -> None:
    """Force-remove a stale Terraform lock when gromit cannot prove its owner is gone.

    First the command shows the owner of the lock and serve's view of the environment. Make sure
    that no process works on the environment.
    """
    # boto3 is slow to import, and no other command of this group needs it.
    from gromit.bootstrap.machine import operator  # noqa: PLC0415
    from gromit.bootstrap.worker_backends import owner_watch, state_bucket  # noqa: PLC0415

    name = name if is_environment_name(name) else parse_ref(name).environment
    bucket, by = state_bucket(run.settings), operator()
    found = bucket.find_lock(name)
    if found is None:
        raise NotFound(f"there is no lock on {name}")
    at_work = list(_at_work(run, found, owner_watch().check_owner))
    if at_work and not force:
        raise Conflict(
            f"the lock on {name} is in use: {'; '.join(at_work)}",
            hint="wait for it or end it; --force removes a lock in use and may corrupt the state",
        )
    if not yes:
        click.confirm(
            "Are you sure that this process has ended? Remove its lock?", abort=True, err=True
        )
    if not bucket.unlock(found):
        raise Conflict(
            f"the lock on {name} has changed meanwhile; nothing was removed",
            hint="run the command again",
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
    run: CliContext, found: "FoundLock", check_owner: "Callable[[FoundLock], Verdict]"
) -> Iterator[str]:
    """Report the lock, its owner and serve's view. Yield each proof that the lock is in use."""
    owner = f"{found.owner.host}, process {found.owner.pid}" if found.owner else found.who
    _report(
        f"{found.environment} has been locked since {found.created} by {owner} "
        f"for {_work(found)} (lock {found.id})"
    )
    verdict = check_owner(found)
    _report(f"its owner: {verdict.reason}")
    if verdict.lives:
        yield "its owner lives"
    lease, view = _lease(run, found.environment)
    _report(f"serve: {view}")
    if lease:
        yield f"serve shows {lease}"


def _lease(run: CliContext, name: str) -> tuple[str | None, str]:
    """Return the live claim that serve shows, or None, and serve's view in words.

    A serve that does not respond forbids nothing.
    """
    # As in `env`: --help of the group does not need them.
    from gromit.bootstrap.clients import serve_client  # noqa: PLC0415
    from gromit.bootstrap.machine import now_ms  # noqa: PLC0415

    try:
        with closing(serve_client(run.settings)) as serve:
            view: dict[str, Any] = serve.get(f"/v1/environments/{name}")
    except NotFound:
        return None, f"there is no environment {name}"
    except (BackendError, ConfigError, TrustError) as error:
        return None, f"not reachable: {error.message}"
    if not (lease := view["lease"]):
        return None, f"{name} is {view['phase']}, and no worker has it"
    if parse_iso(lease["until"]) <= now_ms():
        return None, f"{name} is {view['phase']}; {lease['holder']} had it until {lease['until']}"
    live = f"that {lease['holder']} has it until {lease['until']}"
    return live, f"{name} is {view['phase']}; {lease['holder']} has it until {lease['until']}"


def _work(found: "FoundLock") -> str:
    return found.operation or "unknown work"


def _report(line: str) -> None:
    click.echo(line, err=True)
