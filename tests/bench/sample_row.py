"""A row of the ordinary size: all repositories have reported, it runs, and it has a history."""

from typing import Any

from boto3.dynamodb.types import TypeSerializer

from gromit.core.environments import desired_state, work
from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.desired_state import Build, NewIncarnation
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted, apply_write
from gromit.core.names import parse_ref
from gromit.core.stack.made import MadeComponent, MadeStack

REPOSITORIES = ("tyk", "tyk-analytics", "tyk-identity-broker", "tyk-pump", "tyk-sink")
NAME, BORN_MS, TTL_MS = "e00000", 1_700_000_000_000, 90_000


def sample_row(events: int = 20) -> dict[str, Any]:
    """Return the row, with at least this number of events."""
    first, *rest = REPOSITORIES
    new = NewIncarnation("0123456789abcdef0123456789abcdef", protected=False, fallbacks={})
    at_ms = BORN_MS
    reported = desired_state.build_attributes(_build(first, 0))
    row = _after(
        None, desired_state.create_incarnation(None, new, reported, _stamp(at_ms), "created")
    )
    for repository in rest:
        at_ms += 1000
        row = _after(row, desired_state.report(_build(repository, 0), _stamp(at_ms)))
    number = 0
    while len(row["events"]) < events:
        number, at_ms = number + 1, at_ms + 60_000
        row = _after(row, desired_state.report(_build(first, number), _stamp(at_ms)))
        row = _after(row, *_run(row, at_ms, number))
    return row


def sample_item(events: int = 20) -> dict[str, Any]:
    """Return the row in the form of DynamoDB's interface."""
    return _item(sample_row(events))


def due_item(events: int = 20) -> dict[str, Any]:
    """Return the row after one more build, which no worker has claimed."""
    row = sample_row(events)
    number = row["generation"]
    stamp = _stamp(BORN_MS + 60_000 * (number + events))
    return _item(_after(row, desired_state.report(_build(REPOSITORIES[0], number), stamp)))


def _item(row: Row) -> dict[str, Any]:
    serialize = TypeSerializer().serialize
    return {attribute: serialize(value) for attribute, value in row.items()}


def _build(repository: str, number: int) -> Build:
    return Build(repository, parse_ref("refs/heads/feature/e00000"), f"{number:040x}", number + 1)


def _stamp(at_ms: int) -> ChangeContext:
    return ChangeContext("gateway:gateway-1", at_ms, origin="token 0123456789ab", requester="tyk")


def _run(row: Row, at_ms: int, number: int) -> tuple[RowWrite, RowWrite]:
    claimant = Claimant("worker-0123456789abcdef", f"{number:032x}")
    components = tuple(
        MadeComponent(
            name=r,
            version=str(row[f"v#{r}"]),
            repository=r,
            digest="sha256:" + "0" * 64,
            revision=None,
            redeploy=None,
            port=8080,
        )
        for r in REPOSITORIES
    )
    fence = Fence(claimant.holder, row["epoch"] + 1)
    made = MadeStack("0" * 64, "1" * 64, components, "Terraform 1.11.4")
    return (
        work.claim(Work.SOW, claimant, at_ms, TTL_MS),
        work.sown(fence, claimant.nonce, made, _stamp(at_ms + 30_000), 30),
    )


def _after(row: Row | None, *writes: RowWrite) -> dict[str, Any]:
    for write in writes:
        outcome = apply_write(write, row, {"name": NAME})
        if not isinstance(outcome, WriteAccepted):
            raise TypeError(f"the sample row refuses {write}")
        row = outcome.row
    return dict(row or {})
