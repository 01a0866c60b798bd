"""From what is wanted to what the devenv stack is given: the catalogue joined with versions, digests and config hashes. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import ComponentInput, Platform, StackInput
from gromit.errors import InvalidInput

Image = tuple[str, str]
"""A repository and a tag in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedInputs:
    """All that decides what runs in an environment."""

    environment: str
    catalogue: Catalogue
    versions: Mapping[str, str]
    """Repository to tag; a repository that is not in it gets the tag of its default branch."""
    digests: Mapping[Image, str]
    """The digest of every wanted image that exists (the answer to `required_images`); an empty one is not known, and no label."""
    platform: Platform
    config_hashes: Mapping[str, str]
    """Component to the hash of its config folder; components without a folder are not in it."""
    redeploys: Mapping[str, str]
    """Component to the mark of its last `gromit env redeploy`."""


def required_images(catalogue: Catalogue, versions: Mapping[str, str]) -> frozenset[Image]:
    """The images that must be in the registry; fixed ones are nobody's build and are not looked up."""
    tags = (
        (c.repository, _version(catalogue, c.repository, versions))
        for c in catalogue.components.values()
        if c.repository
    )
    return frozenset(tags)


def component_inputs(sources: ResolvedInputs) -> Mapping[str, ComponentInput]:
    """One input per component of the catalogue.

    Raises `InvalidInput` that names every image which is not in the registry: it is what a developer sees on the environment.
    """
    images = required_images(sources.catalogue, sources.versions)
    if missing := sorted(
        f"{repository}:{tag}" for repository, tag in images - sources.digests.keys()
    ):
        what = (
            f"there is no image {missing[0]}"
            if len(missing) == 1
            else f"there are no images {', '.join(missing)}"
        )
        raise InvalidInput(
            f"{what} in the registry", hint="let the build push it, then report the build again"
        )
    return {
        name: _input(component, sources)
        for name, component in sorted(sources.catalogue.components.items())
    }


def spec_hash(stack: StackInput, fingerprint: str) -> str:
    """SHA-256 (hex) of all inputs and of the stack's own files (`stack_hash`). The same hash means: nothing to apply."""
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
        port=component.port,
        public=component.public,
        command=component.command,
        config_path=component.config_path,
        environment=dict(component.environment),
        secrets=dict(component.secrets),
        cpu=component.cpu,
        memory=component.memory,
        labels={key: value for key, value in labels.items() if value},
    )


def _image(component: Component, sources: ResolvedInputs) -> tuple[str, Mapping[str, str]]:
    """The image to run, and the labels that say which build it is."""
    if component.repository is None:
        fixed = str(component.image)
        return fixed, {"gromit.version": _tag(fixed)}
    tag = _version(sources.catalogue, component.repository, sources.versions)
    labels = {"gromit.version": tag, "gromit.digest": sources.digests[component.repository, tag]}
    return f"{sources.platform.registry}/{component.repository}:{tag}", labels


def _tag(image: str) -> str:
    """The version that a fixed image names: its tag or digest, `latest` without either."""
    name = image.rsplit("/", 1)[-1]
    if "@" in name:
        return name.split("@", 1)[1]
    return name.split(":", 1)[1] if ":" in name else "latest"
