"""Conditions of an installation once everything has come to rest."""

from collections.abc import Collection, Iterator, Mapping

from gromit.core.stack.catalogue import Component
from tests.prove.installation import CATALOGUE, DOMAIN, Installation


def wrong_ends(
    place: Installation,
    desired: Mapping[str, Mapping[str, str] | None],
    undecided: Collection[str] = (),
) -> Iterator[str]:
    """Yield what is wrong of each environment in `desired`, and what belongs to no environment.

    `desired` has the newest version of each repository that reported; None for an environment that
    was deleted. Those in `undecided` expire about now.
    """
    place.hooks.settle()
    yield from place.cloud.violations
    for name, versions in sorted(desired.items()):
        if versions is None:
            yield from _remains(place, name)
        else:
            yield from _is_not_ready(place, name, versions)
    for name in sorted(place.states.locks):
        yield f"{name}: its terraform lock was left"
    existing = {name for name, found in place.cloud.resources.existing.items() if found}
    strangers = existing - desired.keys() - set(undecided)
    yield from (f"{name}: it has resources, and was never built" for name in sorted(strangers))


def _is_not_ready(place: Installation, name: str, versions: Mapping[str, str]) -> Iterator[str]:
    found = place.environment(name)
    if found is None:
        yield f"{name}: it has no row"
        return
    if found["phase"] != "ready":
        yield f"{name}: it is {found['phase']} ({found['error']})"
    for component in CATALOGUE.components.values():
        tag = versions.get(component.repository or "", component.default_tag)
        yield from _serves_wrongly(place, name, component, tag)
    if name not in place.hooks.data:
        yield f"{name}: its data is missing"
    head = place.states.heads.get(name)
    keys = {resource.key for resource in place.cloud.existing(name)}
    if head is None or set(head.held.values()) != keys:
        yield f"{name}: its state does not contain what exists"


def _serves_wrongly(
    place: Installation, name: str, component: Component, tag: str
) -> Iterator[str]:
    service = place.cloud.services.get((name, component.name))
    if service is None:
        yield f"{name}: {component.name} does not run"
        return
    if component.repository and not _runs(place, service.image, component.repository, tag):
        yield f"{name}: {component.name} runs {service.image} instead of {tag}"
    record = place.zone.values(f"{component.name}.{name}.{DOMAIN}")
    if component.public and record != {service.address}:
        yield f"{name}: {component.name} is at {service.address}, its record says {record}"


def _runs(place: Installation, image: str, repository: str, tag: str) -> bool:
    """Whether an image, named by tag or by digest, is the one of this tag."""
    digest = place.images.digests([(repository, tag)]).get((repository, tag))
    return image.endswith((f"/{repository}:{tag}", f"/{repository}@{digest}"))


def _remains(place: Installation, name: str) -> Iterator[str]:
    found = place.environment(name)
    if found is not None and found["phase"] != "gone":
        yield f"{name}: it is {found['phase']}, but was deleted ({found['error']})"
    for resource in place.cloud.existing(name):
        yield f"{name}: it was deleted, but {resource} exists"
    if name in place.hooks.data:
        yield f"{name}: it was deleted, but its data exists"
    if name in place.states.heads:
        yield f"{name}: it was deleted, but its state exists"
    for record in place.zone.names():
        if record.endswith(f".{name}.{DOMAIN}"):
            yield f"{name}: it was deleted, but the record {record} exists"
    if place.root.has(name):
        yield f"{name}: it was deleted, but its config folder exists"
