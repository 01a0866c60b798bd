"""Inputs of the stack, from the catalogue, versions, image digests and config hashes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import ComponentInput, Platform, StackInput, container_settings
from gromit.errors import InvalidInput

Image = tuple[str, str]
"""A repository and a tag in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedInputs:
    """Everything that determines what runs in an environment."""

    environment: str
    catalogue: Catalogue
    versions: Mapping[str, str]
    """Repository to tag; a missing repository gets the tag of its default branch."""
    digests: Mapping[Image, str]
    """Digests of the `required_images` that exist; an empty one is unknown and gives no label."""
    platform: Platform
    config_hashes: Mapping[str, str]
    """Component to the hash of its config folder; without a folder it is missing."""
    redeploys: Mapping[str, str]
    """Component to the redeploy mark of its last `gromit env redeploy`."""


def required_images(catalogue: Catalogue, versions: Mapping[str, str]) -> frozenset[Image]:
    """Images that must be in the registry. Fixed images are not looked up."""
    tags = (
        (c.repository, _version(catalogue, c.repository, versions))
        for c in catalogue.components.values()
        if c.repository
    )
    return frozenset(tags)


def component_inputs(sources: ResolvedInputs) -> Mapping[str, ComponentInput]:
    """One input per component of the catalogue.

    Raises `InvalidInput` that names all images missing from the registry; the environment shows
    this message to developers.
    """
    images = required_images(sources.catalogue, sources.versions)
    if missing := sorted(f"{repo}:{tag}" for repo, tag in images - sources.digests.keys()):
        raise InvalidInput(
            _missing_images(missing),
            hint="let the build push it, then report the build again",
        )
    return {
        name: _input(component, sources)
        for name, component in sorted(sources.catalogue.components.items())
    }


def _missing_images(images: Sequence[str]) -> str:
    if len(images) == 1:
        return f"there is no image {images[0]} in the registry"
    return f"there are no images {', '.join(images)} in the registry"


def spec_hash(stack: StackInput, fingerprint: str) -> str:
    """SHA-256 (hex) of all inputs and of the stack's files (`stack_hash`).

    An unchanged hash means that there is nothing to apply.
    """
    canonical = json.dumps(
        {"stack": fingerprint, "input": asdict(stack)},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _version(catalogue: Catalogue, repository: str, versions: Mapping[str, str]) -> str:
    return versions.get(repository) or catalogue.default_tag(repository)


def _input(component: Component, sources: ResolvedInputs) -> ComponentInput:
    image, built = _image(component, sources)
    labels = {
        "gromit.environment": sources.environment,
        "gromit.component": component.name,
        **built,
        "gromit.config": sources.config_hashes.get(component.name),
        "gromit.redeploy": sources.redeploys.get(component.name),
    }
    return ComponentInput(
        image=image,
        labels={key: value for key, value in labels.items() if value},
        **container_settings(component),
    )


def _image(component: Component, sources: ResolvedInputs) -> tuple[str, Mapping[str, str]]:
    """Image to run, and the labels that identify its build."""
    if component.repository is None:
        fixed = str(component.image)
        return fixed, {"gromit.version": _tag(fixed)}
    tag = _version(sources.catalogue, component.repository, sources.versions)
    labels = {"gromit.version": tag, "gromit.digest": sources.digests[component.repository, tag]}
    return f"{sources.platform.registry}/{component.repository}:{tag}", labels


def _tag(image: str) -> str:
    """Version of a fixed image: its tag or digest, `latest` without either."""
    name = image.rsplit("/", 1)[-1]
    if "@" in name:
        return name.split("@", 1)[1]
    if ":" in name:
        return name.split(":", 1)[1]
    return "latest"
