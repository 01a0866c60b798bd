"""Route53: changes of a zone."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.route53.exceptions import Route53ClientError
from moto.route53.models import ChangeList, FakeZone, Route53Backend

from gromit.local.aws.moto_patches.patches import Patches

_CHARACTERS = 32_000
_Key = tuple[str, str, str | None]


def apply_batches_atomically(mending: Patches) -> None:
    """AWS makes a batch of changes wholly or not at all, and by what is in the zone now.

    It refuses to create what is there, and to delete what is not there exactly so, and batches with more than 32,000 characters in
    values, where those of an UPSERT count twice. (Stock moto goes by a journal of all changes that were ever made.)
    """

    def change(
        stock: Callable[..., Any], backend: Any, zoneid: str, change_list: list[dict[str, Any]]
    ) -> None:
        zone = backend.get_hosted_zone(zoneid)
        faults = [*_too_long(change_list), *_faults(zone, change_list)]
        if faults:
            raise Route53ClientError("InvalidChangeBatch", f"[{', '.join(faults)}]")
        before = list(zone.rrsets)
        zone.rr_changes = _journal(change_list)
        try:
            stock(backend, zoneid, change_list)
        except Exception:
            zone.rrsets = before
            raise

    mending.replace(Route53Backend, "change_resource_record_sets", change)


def _faults(zone: FakeZone, changes: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    there = {_key(r.name, r.type, r.set_identifier): r for r in zone.rrsets}
    for change in changes:
        wanted = change["ResourceRecordSet"]
        key = _key(wanted["Name"], wanted["Type"], wanted.get("SetIdentifier"))
        found, name = there.get(key), f"[name='{key[0]}.', type='{key[1]}']"
        if change["Action"] == "CREATE" and found is not None:
            yield f"Tried to create resource record set {name} but it already exists"
        if change["Action"] == "DELETE" and found is None:
            yield f"Tried to delete resource record set {name} but it was not found"
        if change["Action"] == "DELETE" and found is not None and not _is_exactly(found, wanted):
            yield f"Tried to delete resource record set {name} but the values provided do not match the current values"


def _is_exactly(found: Any, wanted: Mapping[str, Any]) -> bool:
    values = sorted(r["Value"] for r in wanted.get("ResourceRecords") or [])
    return sorted(found.records or []) == values and str(found.ttl) == str(wanted.get("TTL"))


def _too_long(changes: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    total = sum(
        len(r["Value"]) * (2 if c["Action"] == "UPSERT" else 1)
        for c in changes
        for r in c["ResourceRecordSet"].get("ResourceRecords") or []
    )
    if total > _CHARACTERS:
        yield f"Number of characters {total} in values is more than {_CHARACTERS}"


def _key(name: str, kind: str, identifier: str | None) -> _Key:
    return name.lower().strip("."), kind, identifier


def _journal(changes: Iterable[Mapping[str, Any]]) -> ChangeList:
    """A journal by which stock moto allows these changes, which have been found allowed."""
    journal = ChangeList()
    for change in changes:
        if change["Action"] == "DELETE":
            journal.append(
                {
                    "Action": "UPSERT",
                    "ResourceRecordSet": copy.deepcopy(change["ResourceRecordSet"]),
                }
            )
    return journal
