"""The public zone in Route53: read completely, and written in batches within its limits.

At most one change request is in flight at a time, whatever the number of threads, and at most five
a second are sent. Route53 refuses a change while it works on another one of the same zone, and its
rate limit counts for the whole account. Requests of other processes are not known here; the retries
with backoff cover them. A zone that is busy with an earlier request needs more than three attempts.
So the SDK's own retries are off for this client (`CLIENT`), and do not multiply with ours.
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
from gromit.core.dns.plan import RecordSet, ZoneChanges
from gromit.core.dns.zone_names import normalize_name
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
"""Configuration of this adapter's client."""

PAGE = 300
"""Largest number of record sets in one response of Route53."""
_AFTER_DOT = "/"
"""Character that follows the dot in the order of names."""
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Pauses before the second to seventh attempt of a request that Route53 refuses temporarily."""
MIN_INTERVAL_S = 0.2
"""Shortest time between the end of a change request and the start of the next, in all threads."""

_REFUSALS_SHOWN = 5
_OUTDATED = ("already exists", "not found", "do not match")
"""Parts of Route53's reasons to refuse a change of a record that is not as it was listed."""
_PAST_TENSE = {Action.CREATE: "created", Action.UPSERT: "updated", Action.DELETE: "deleted"}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Source of time and pauses, in seconds."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    """Should add a little jitter."""


class Route53Zone:
    """The port `RecordStore`. Several threads may use one object; their changes take turns."""

    def __init__(self, client: "Route53Client", zone_id: str, domain: str, clock: Timing) -> None:
        """`domain` is the zone's name or a name below it."""
        self._client = client
        self._zone_id = zone_id
        self._domain = domain
        self._clock = clock
        self._turn = threading.Lock()
        self._next_s = -math.inf
        self._is_zone_checked = False

    def records(self) -> Sequence[RecordSet]:
        """Raise `BackendError` for a missing page, `ConfigError` for a zone of another domain."""
        found = [_record(s) for page in self._pages() for s in page["ResourceRecordSets"]]
        self._check_apex(next((r.name for r in found if r.type == "SOA"), self._domain))
        return [r for r in found if r.name.endswith(f".{self._domain}")]

    def records_of(self, environment: str) -> Sequence[RecordSet]:
        """Read the part of the zone below one name: one call, however large the zone is.

        Route53 orders records by their labels from the last to the first, so these are neighbours.
        Raises like `records`.
        """
        parent = f"{environment}.{self._domain}"
        end = _reversed_labels(parent).removesuffix(".") + _AFTER_DOT
        found: list[RecordSet] = []
        for page in self._pages(parent):
            records = [_record(s) for s in page["ResourceRecordSets"]]
            found += [r for r in records if r.name.endswith(f".{parent}")]
            if any(_reversed_labels(r.name) >= end for r in records):
                break
        if not found:
            self._check_zone()
        return found

    def _check_zone(self) -> None:
        """Compare zone and domain, once. In a wrong zone an environment would have no records."""
        if not self._is_zone_checked:
            # The first name of a zone is its own.
            first = self._retry(partial(self._page, self._request(size=1)))["ResourceRecordSets"]
            self._check_apex(next((_record(s).name for s in first), self._domain))

    def _check_apex(self, apex: str) -> None:
        """Raise `ConfigError` if the zone with the name `apex` cannot contain our domain."""
        if not f".{self._domain}".endswith(f".{apex}"):
            raise ConfigError(
                f"zone {self._zone_id} is for {apex}, not for {self._domain}",
                hint="set cluster.domain to the name of the zone cluster.zoneid, or one below it",
            )
        self._is_zone_checked = True

    def apply(self, changes: ZoneChanges, progress: Progress) -> None:
        """Write what Route53 accepts: a refused batch is narrowed down to single environments.

        Raises `BackendError` with the reason of each refusal after everything else is written, and
        `Temporary` or `Denied` at once.
        """
        packed = pack_batches(changes)
        refused = [(c.record.name, "too many values for one request") for c in packed.oversize]
        failed: dict[str, str] = {}
        for batch in packed.batches:
            # A later batch may have more changes of a refused environment: skip them, and report
            # them with the same reason.
            parts = [p for p in batch if p.environment not in failed]
            refused += [(_names(p), failed[p.environment]) for p in batch if p not in parts]
            for part, reason in self._send(parts, progress):
                failed[part.environment] = reason
                refused.append((_names(part), reason))
        if refused:
            raise self._not_written(refused)

    def _request(self, size: int = PAGE) -> "ListResourceRecordSetsRequestTypeDef":
        return {"HostedZoneId": self._zone_id, "MaxItems": str(size)}

    def _pages(self, start: str = "") -> "Iterator[ListResourceRecordSetsResponseTypeDef]":
        """Yield the pages of the zone, from the name `start` on."""
        request = self._request()
        if start:
            request["StartRecordName"] = start
        while True:
            page = self._retry(partial(self._page, request))
            yield page
            if not page["IsTruncated"]:
                return
            following: ListResourceRecordSetsRequestTypeDef = {
                **self._request(),
                "StartRecordName": page.get("NextRecordName", ""),
                "StartRecordType": page["NextRecordType"],
            }
            if identifier := page.get("NextRecordIdentifier"):
                following["StartRecordIdentifier"] = identifier
            # Without progress the loop would not end, and a partial listing would look complete.
            if not following["StartRecordName"] or following == request:
                raise BackendError(
                    f"the listing of zone {self._zone_id} is incomplete", hint="nothing was changed"
                )
            request = following

    def _page(
        self, request: "ListResourceRecordSetsRequestTypeDef"
    ) -> "ListResourceRecordSetsResponseTypeDef":
        with self._zone_errors("list the records"):
            return self._client.list_resource_record_sets(**request)

    def _send(
        self, parts: Sequence[EnvironmentChanges], progress: Progress
    ) -> list[tuple[EnvironmentChanges, str]]:
        """Send parts as one batch, and halve a refused batch until each refusal is of one part.

        Return the refused parts with Route53's reasons.
        """
        if not parts:
            return []
        changes = [c for p in parts for c in p.changes]
        reason = self._retry(partial(self._change, changes))
        if not reason:
            _report(changes, progress)
            return []
        if len(parts) == 1:
            return [(parts[0], reason)]
        half = len(parts) // 2
        return [*self._send(parts[:half], progress), *self._send(parts[half:], progress)]

    def _change(self, changes: Iterable[Change]) -> str:
        """Send one request; return the reason if Route53 refuses it, or an empty text."""
        refusals = self._client.exceptions.InvalidChangeBatch, self._client.exceptions.InvalidInput
        with self._turn_to_write(), self._zone_errors("change the records"):
            try:
                self._client.change_resource_record_sets(
                    HostedZoneId=self._zone_id,
                    ChangeBatch={
                        "Comment": "gromit",
                        "Changes": [part for c in changes for part in _parts(c)],
                    },
                )
            except refusals as refusal:
                return refusal.response["Error"].get("Message", "") or aws.error_code(refusal)
        return ""

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        """Hold this process's turn for one change request, and keep the interval to the last one.

        A request that waits for its retry does not hold the turn.
        """
        with self._turn:
            # The clock may end a pause early, so check again.
            while (now_s := self._clock.monotonic()) < self._next_s:
                self._clock.sleep(self._next_s - now_s)
            try:
                yield
            finally:
                self._next_s = self._clock.monotonic() + MIN_INTERVAL_S

    def _retry(self, request: Callable[[], _T]) -> _T:
        for pause_s in BACKOFF_S:
            try:
                return request()
            except Temporary as error:
                log.debug("dns.put_off", reason=error.message, pause_s=pause_s)
                self._clock.sleep(pause_s)
        return request()

    @contextmanager
    def _zone_errors(self, doing: str) -> Iterator[None]:
        with aws.aws_errors(f"{doing} of zone {self._zone_id}"):
            try:
                yield
            except self._client.exceptions.NoSuchHostedZone as error:
                raise ConfigError(
                    f"there is no zone {self._zone_id}",
                    hint="set cluster.zoneid to the id of the zone",
                ) from error

    def _not_written(self, refused: Sequence[tuple[str, str]]) -> BackendError:
        shown = [f"{names}: {reason}" for names, reason in refused[:_REFUSALS_SHOWN]]
        if (more := len(refused) - len(shown)) > 0:
            shown.append(f"and {more} more")
        return BackendError(
            f"zone {self._zone_id} refused {'; '.join(shown)}",
            hint="everything else was written; the next pass tries these again",
            is_outdated=any(part in reason for _, reason in refused for part in _OUTDATED),
        )


def _reversed_labels(name: str) -> str:
    """Return a name as Route53 compares it: `com.example.dev.` for `dev.example.com`."""
    return ".".join([*reversed(name.split(".")), ""])


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


def _parts(change: Change) -> "Iterator[ChangeTypeDef]":
    if change.replaced is None:
        yield _part(change.action, change.record)
    else:
        yield _part(Action.DELETE, change.replaced)
        yield _part(Action.CREATE, change.record)


def _part(action: Action, record: RecordSet) -> "ChangeTypeDef":
    return {
        "Action": action.value,
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
        progress(f"{_PAST_TENSE[change.action]} {change.record.name} {values}")


def _names(part: EnvironmentChanges) -> str:
    return ", ".join(c.record.name for c in part.changes)
