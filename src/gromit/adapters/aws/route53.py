"""The public zone in Route53: read whole, written in batches within its limits.

However many threads write, one request that changes the zone is in flight at a time, and at most five a second are sent: Route53
refuses a change while it works on another one of the same zone, and its rate is the account's. What another process sends is not
seen here; it is what the patience is for. The SDK's own retries are off for this client (`CLIENT`), so that ours do not multiply
with them: a zone that still works on a request before ours wants more patience than three attempts.
"""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog
from botocore.config import Config

from gromit.adapters.aws import client as aws
from gromit.core.dns.batches import Action, Change, EnvironmentChanges, pack_batches
from gromit.core.dns.plan import RecordSet, ZoneChanges, normalize_name
from gromit.errors import BackendError, ConfigError, Temporary
from gromit.ports import Progress

if TYPE_CHECKING:
    from mypy_boto3_route53.client import Route53Client
    from mypy_boto3_route53.type_defs import (
        ChangeTypeDef,
        ListResourceRecordSetsRequestTypeDef,
        ListResourceRecordSetsResponseTypeDef,
        ResourceRecordSetOutputTypeDef,
    )

log = structlog.get_logger(__name__)

CLIENT = aws.CLIENT.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""The configuration of clients for this adapter."""

PAGE = 300
"""Most record sets that Route53 gives in one answer."""
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Pauses before the second to seventh attempt of a request that Route53 puts off (throttled, prior request not complete)."""
MIN_INTERVAL_S = 0.2
"""Shortest time from the end of one request that changes the zone to the next one, whoever of this process sends it."""

_NAMED = 5
_WORDS = {Action.CREATE: "created", Action.UPSERT: "updated", Action.DELETE: "deleted"}
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Timing:
    """How time passes, in seconds."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    """Should spread its pauses a little."""


class Route53Zone:
    """The port `RecordStore`. One object may be used by many threads: they take turns."""

    def __init__(self, client: "Route53Client", zone_id: str, domain: str, clock: Timing) -> None:
        """`domain` is the zone's name, or lies below it."""
        self._client = client
        self._zone_id = zone_id
        self._domain = domain
        self._clock = clock
        self._turn = threading.Lock()
        self._next_s = -math.inf

    def records(self) -> Sequence[RecordSet]:
        """Every record set below the domain. Raises if a page is missing, and `ConfigError` if zone and domain do not match."""
        found = [_record(s) for page in self._pages() for s in page["ResourceRecordSets"]]
        apex = next((r.name for r in found if r.type == "SOA"), self._domain)
        if not f".{self._domain}".endswith(f".{apex}"):
            raise ConfigError(
                f"zone {self._zone_id} is of {apex}, not of {self._domain}",
                hint="cluster.domain has to be the name of the zone cluster.zoneid, or lie below it",
            )
        return [r for r in found if r.name.endswith(f".{self._domain}")]

    def apply(self, changes: ZoneChanges, progress: Progress) -> None:
        """Write the changes. What Route53 refuses is narrowed down to single environments; everything else is written.

        Raises `BackendError` naming what was refused and why; `Temporary` or `Denied` at once, before what remains.
        """
        packed = pack_batches(changes)
        refused = [(c.record.name, "too many values for one request") for c in packed.oversize]
        failed: dict[str, str] = {}
        for batch in packed.batches:
            parts = [p for p in batch if p.environment not in failed]
            refused += [(_names(p), failed[p.environment]) for p in batch if p not in parts]
            for part, reason in self._send(parts, progress):
                failed[part.environment] = reason
                refused.append((_names(part), reason))
        if refused:
            raise self._not_written(refused)

    def _pages(self) -> "Iterator[ListResourceRecordSetsResponseTypeDef]":
        request: ListResourceRecordSetsRequestTypeDef = {
            "HostedZoneId": self._zone_id,
            "MaxItems": str(PAGE),
        }
        while True:
            page = self._patiently(partial(self._page, request))
            yield page
            if not page["IsTruncated"]:
                return
            following: ListResourceRecordSetsRequestTypeDef = {
                "HostedZoneId": self._zone_id,
                "MaxItems": str(PAGE),
                "StartRecordName": page.get("NextRecordName", ""),
                "StartRecordType": page["NextRecordType"],
            }
            if identifier := page.get("NextRecordIdentifier"):
                following["StartRecordIdentifier"] = identifier
            if not following["StartRecordName"] or following == request:
                raise BackendError(
                    f"the listing of zone {self._zone_id} was cut short", hint="nothing was changed"
                )
            request = following

    def _page(
        self, request: "ListResourceRecordSetsRequestTypeDef"
    ) -> "ListResourceRecordSetsResponseTypeDef":
        with self._translated("list the records"):
            return self._client.list_resource_record_sets(**request)

    def _send(
        self, parts: Sequence[EnvironmentChanges], progress: Progress
    ) -> list[tuple[EnvironmentChanges, str]]:
        """Send parts as one batch; one that is refused is halved until the guilty stand alone. Gives those, with the reason."""
        if not parts:
            return []
        every = [c for p in parts for c in p.changes]
        reason = self._patiently(partial(self._change, every))
        if not reason:
            _report(every, progress)
            return []
        if len(parts) == 1:
            return [(parts[0], reason)]
        half = len(parts) // 2
        return [*self._send(parts[:half], progress), *self._send(parts[half:], progress)]

    def _change(self, changes: Iterable[Change]) -> str:
        """One request; gives why Route53 refuses what is in it, or an empty text if all of it is done."""
        refusals = self._client.exceptions.InvalidChangeBatch, self._client.exceptions.InvalidInput
        with self._alone(), self._translated("change the records"):
            try:
                self._client.change_resource_record_sets(
                    HostedZoneId=self._zone_id,
                    ChangeBatch={"Comment": "gromit", "Changes": [_change(c) for c in changes]},
                )
            except refusals as refusal:
                return refusal.response["Error"].get("Message", "") or aws.error_code(refusal)
        return ""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The turn of one request that changes the zone, in its pace. It is given up while a request that was put off waits."""
        with self._turn:
            while (now_s := self._clock.monotonic()) < self._next_s:
                self._clock.sleep(self._next_s - now_s)
            try:
                yield
            finally:
                self._next_s = self._clock.monotonic() + MIN_INTERVAL_S

    def _patiently(self, request: Callable[[], _Answer]) -> _Answer:
        for pause_s in BACKOFF_S:
            try:
                return request()
            except Temporary as error:
                log.debug("dns.put_off", reason=error.message, pause_s=pause_s)
                self._clock.sleep(pause_s)
        return request()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        with aws.aws_errors(f"{doing} of zone {self._zone_id}"):
            try:
                yield
            except self._client.exceptions.NoSuchHostedZone as error:
                raise ConfigError(
                    f"there is no zone {self._zone_id}",
                    hint="set cluster.zoneid to the id of the zone",
                ) from error

    def _not_written(self, refused: Sequence[tuple[str, str]]) -> BackendError:
        named = "; ".join(f"{names}: {reason}" for names, reason in refused[:_NAMED])
        more = f"; and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
        return BackendError(
            f"zone {self._zone_id} refused {named}{more}",
            hint="everything else was written; the next pass tries these again",
        )


def _record(found: "ResourceRecordSetOutputTypeDef") -> RecordSet:
    values = frozenset(r["Value"] for r in found.get("ResourceRecords", []))
    return RecordSet(
        normalize_name(found["Name"]),
        str(found["Type"]),
        found.get("TTL", 0),
        values,
        _routing(found),
    )


def _routing(found: "ResourceRecordSetOutputTypeDef") -> str:
    if "SetIdentifier" in found:
        return f"set {found['SetIdentifier']}"
    if "AliasTarget" in found:
        return "alias"
    return "health check" if "HealthCheckId" in found else ""


def _change(change: Change) -> "ChangeTypeDef":
    record = change.record
    return {
        "Action": change.action.value,
        "ResourceRecordSet": {
            "Name": record.name,
            "Type": "TXT" if record.type == "TXT" else "A",
            "TTL": record.ttl,
            "ResourceRecords": [{"Value": value} for value in sorted(record.values)],
        },
    }


def _report(changes: Iterable[Change], progress: Progress) -> None:
    for change in changes:
        values = " ".join(sorted(change.record.values))
        log.info(
            "dns.record",
            action=change.action.value,
            name=change.record.name,
            type=change.record.type,
            values=values,
        )
        progress(f"{_WORDS[change.action]} {change.record.name} {values}")


def _names(part: EnvironmentChanges) -> str:
    return ", ".join(c.record.name for c in part.changes)
