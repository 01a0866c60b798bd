"""Route53: changes of record sets."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.route53.exceptions import Route53ClientError
from moto.route53.models import ChangeList, FakeZone, Route53Backend

from gromit.local.aws.moto_patches.patches import Patches

_CHARACTERS = 32_000
_Key = tuple[str, str, str | None]


def apply_batches_atomically(patches: Patches) -> None:
    """AWS applies a batch of changes in their order, completely or not at all.

    It refuses to create an existing record set, to delete one that differs or does not exist, and
    batches with more than 32,000 characters in values; those of an UPSERT count twice. (Stock moto
    checks against a journal of all changes ever made.)
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

    patches.replace(Route53Backend, "change_resource_record_sets", change)


def _faults(zone: FakeZone, changes: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    current = {_key(r.name, r.type, r.set_identifier): r for r in zone.rrsets}
    for change in changes:
        given = change["ResourceRecordSet"]
        key = _key(given["Name"], given["Type"], given.get("SetIdentifier"))
        found, name = current.get(key), f"[name='{key[0]}.', type='{key[1]}']"
        match change["Action"]:
            case "CREATE" if found is not None:
                yield f"Tried to create resource record set {name} but it already exists"
            case "DELETE" if found is None:
                yield f"Tried to delete resource record set {name} but it was not found"
            case "DELETE" if not _is_exactly(found, given):
                problem = "the values provided do not match the current values"
                yield f"Tried to delete resource record set {name} but {problem}"
            case "DELETE":
                del current[key]
            case _:
                pass


def _is_exactly(found: Any, given: Mapping[str, Any]) -> bool:
    values = sorted(r["Value"] for r in given.get("ResourceRecords") or [])
    return sorted(found.records or []) == values and str(found.ttl) == str(given.get("TTL"))


def _too_long(changes: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    total = 0
    for change in changes:
        records = change["ResourceRecordSet"].get("ResourceRecords") or []
        weight = 2 if change["Action"] == "UPSERT" else 1
        total += weight * sum(len(record["Value"]) for record in records)
    if total > _CHARACTERS:
        yield f"Number of characters {total} in values is more than {_CHARACTERS}"


def _key(name: str, kind: str, identifier: str | None) -> _Key:
    return name.lower().strip("."), kind, identifier


def _journal(changes: Iterable[Mapping[str, Any]]) -> ChangeList:
    """Return a journal that makes stock moto accept these changes, which are already checked."""
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
