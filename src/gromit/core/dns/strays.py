"""Address records that people made below the names of environments."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gromit.core.dns.plan import RecordSet, ZoneChanges, environment_for_name

STRAY = "no component has this name, and its TTL is not gromit's"
"""Why an address record below an environment's name is not gromit's."""


@dataclass(frozen=True, slots=True)
class RecordForm:
    """Form of the address records that gromit writes now."""

    domain: str
    components: frozenset[str]
    """Names of the public components."""
    ttl: int
    """Seconds."""

    def excludes(self, record: RecordSet) -> bool:
        """Whether a record is an address below an environment that gromit did not write.

        A component that left the catalogue has records with gromit's TTL, which gromit removes.
        """
        label = record.name.partition(".")[0]
        is_address = record.type == "A" and not record.routing
        is_ours = label in self.components or record.ttl == self.ttl
        return is_address and not is_ours and bool(environment_for_name(record.name, self.domain))


def without_strays(records: Iterable[RecordSet], form: RecordForm) -> tuple[RecordSet, ...]:
    """Return the records that may be gromit's, and those of other types."""
    return tuple(record for record in records if not form.excludes(record))


def report_strays(
    changes: ZoneChanges, records: Iterable[RecordSet], form: RecordForm
) -> ZoneChanges:
    """Return a plan for the records without strays with the strays, which are left alone."""
    strays = tuple((record, STRAY) for record in records if form.excludes(record))
    return replace(changes, left_alone=(*strays, *changes.left_alone))
