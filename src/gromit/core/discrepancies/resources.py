"""Discrepancies between rows and the resources in AWS.

A resource is an environment's if it bears its mark. That alone does not make it this
installation's: only a place that no other one uses, or a state in our bucket, proves it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gromit.core.discrepancies.facts import InstallationInventory, RowFacts, StateFacts
from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind, Repair
from gromit.core.stack.contract import StateHead
from gromit.core.stack.resources import (
    AccountedResource,
    ListedResource,
    Resource,
    ResourceKey,
    ResourceKind,
)

_SHOWN = 3


def worlds(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Resources of environments that no row desires: without a row, or with a tombstone."""
    for name, found in sorted(_marked(inventory).items()):
        row = inventory.rows.get(name)
        if row is not None and not row.is_tombstone:
            continue
        kind = DiscrepancyKind.LEAKED_RESOURCE if row else DiscrepancyKind.WORLD_WITHOUT_ROW
        why = "although it is gone" if row else "although no row names it"
        is_proven = _is_proven(inventory, name, found)
        yield Discrepancy(
            kind=kind,
            environment=name,
            seen=f"{_shown(found)} exist, {why}",
            repair=Repair.REAP if is_proven else Repair.PERSON,
            remedy="let reap destroy them" if is_proven else _UNPROVEN,
        )


def desired(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Environments that should run and do not, and resources that are in their way."""
    unmarked = _unmarked(inventory)
    for row in inventory.rows.values():
        if not row.is_desired:
            continue
        for resource in unmarked.get(row.name, []):
            yield Discrepancy(
                kind=DiscrepancyKind.FOREIGN_RESOURCE,
                environment=row.name,
                subject=f"{resource.kind} {resource.id}",
                seen=_foreign(resource),
                repair=Repair.PERSON,
                remedy="delete the environment in one of the installations, or rename the branch"
                if resource.owner
                else "remove or rename it, if it is not needed: gromit cannot make its own",
            )
        if row.is_settled and (seen := _lack(inventory, row)):
            yield Discrepancy(
                kind=seen.kind,
                environment=row.name,
                seen=f"it is {row.phase}, but {seen.what}",
                repair=Repair.REDEPLOY,
                remedy="deploy it again",
                is_of_build=seen.is_of_build,
            )


def strays(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Resources that bear the mark of a ready environment, and are not in its state."""
    for listed in inventory.resources:
        name, resource = listed.environment, listed.resource
        row, state = inventory.rows.get(name), inventory.states.get(name)
        if row is None or not row.is_settled or state is None or not resource.is_ours:
            continue
        head = state.head
        if head is None or not head.resources or head.strangers(name) or _holds(head, resource):
            continue
        may_remove = not row.protected and listed.is_here is not False
        yield Discrepancy(
            kind=DiscrepancyKind.LEAKED_RESOURCE,
            environment=name,
            subject=f"{resource.kind} {resource.id}",
            seen=f"{resource.kind} {resource.id} bears its tags, and is not in its state",
            repair=Repair.REMOVE if may_remove else Repair.PERSON,
            remedy="remove it" if may_remove else "remove it, if nothing needs it",
        )


def accounted_resources(states: Mapping[str, StateFacts]) -> frozenset[AccountedResource]:
    """Return the resources that the states of their environments contain."""
    return frozenset(
        (name, *key)
        for name, state in states.items()
        if state.head is not None and not state.head.strangers(name)
        for key in map(_listed_key, state.head.held.values())
    )


def resources_of(inventory: InstallationInventory, name: str) -> Sequence[Resource]:
    """All resources with an environment's mark."""
    return [listed.resource for listed in _marked(inventory).get(name, [])]


_UNPROVEN = (
    "remove them manually, or report a build: nothing proves that they belong to this installation"
)


def _marked(inventory: InstallationInventory) -> Mapping[str, Sequence[ListedResource]]:
    found: defaultdict[str, list[ListedResource]] = defaultdict(list)
    for name, cluster in inventory.clusters.items():
        if cluster.is_ours:
            resource = Resource(kind=ResourceKind.CLUSTER, id=name)
            found[name].append(ListedResource(environment=name, resource=resource))
    for listed in inventory.resources:
        if listed.resource.is_ours:
            found[listed.environment].append(listed)
    return found


def _unmarked(inventory: InstallationInventory) -> Mapping[str, Sequence[Resource]]:
    found: defaultdict[str, list[Resource]] = defaultdict(list)
    for name, cluster in inventory.clusters.items():
        if not cluster.is_ours:
            resource = Resource(
                kind=ResourceKind.CLUSTER, id=name, is_ours=False, owner=cluster.owner
            )
            found[name].append(resource)
    for listed in inventory.resources:
        if not listed.resource.is_ours:
            found[listed.environment].append(listed.resource)
    return found


def _is_proven(
    inventory: InstallationInventory, name: str, found: Sequence[ListedResource]
) -> bool:
    """Whether all that bears an environment's mark is provably of this installation."""
    places = {listed.is_here for listed in found}
    state = inventory.states.get(name)
    has_state = state is not None and state.head is not None and state.head.owners == {name}
    return False not in places and (True in places or has_state)


@dataclass(frozen=True, slots=True)
class _Lack:
    """Something that a ready environment lacks."""

    kind: DiscrepancyKind
    what: str
    is_of_build: bool = False


def _lack(inventory: InstallationInventory, row: RowFacts) -> _Lack | None:
    cluster, wanted = inventory.clusters.get(row.name), len(inventory.components)
    if cluster is None or not cluster.is_ours:
        return _Lack(DiscrepancyKind.ROW_WITHOUT_WORLD, "it has no cluster")
    if cluster.services < wanted:
        what = f"its cluster has {cluster.services} of {wanted} services"
        return _Lack(DiscrepancyKind.DRIFTED, what)
    # A task that is replaced is pending for a while. Most likely the program of a build ends.
    if cluster.running + cluster.pending < cluster.services:
        what = f"{cluster.running} tasks of its {cluster.services} services run"
        return _Lack(DiscrepancyKind.DRIFTED, what, is_of_build=True)
    return None


def _holds(head: StateHead, resource: Resource) -> bool:
    """Whether a state contains a resource; a task definition counts with all its revisions."""
    return resource.key in set(map(_listed_key, head.held.values()))


def _listed_key(key: ResourceKey) -> ResourceKey:
    """Return the key of a resource in a listing, where a task definition is a family."""
    kind, identity = key
    if kind is ResourceKind.DEFINITION:
        return kind, identity.rpartition("/")[2].rpartition(":")[0]
    return key


def _foreign(resource: Resource) -> str:
    if resource.owner:
        return f"{resource.kind} {resource.id} belongs to the installation {resource.owner}"
    return f"{resource.kind} {resource.id} has its name, and not its tags"


def _shown(found: Sequence[ListedResource]) -> str:
    texts = [f"{f.resource.kind} {f.resource.id}" for f in found[:_SHOWN]]
    more = len(found) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more > 0 else "")
