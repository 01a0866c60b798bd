"""Inputs of the stack, from the catalogue, versions, image digests and config hashes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import (
    ComponentInput,
    HookInput,
    Platform,
    StackInput,
    container_settings,
)
from gromit.core.stack.made import BuiltImage, MadeComponent
from gromit.core.stack.secret_sources import secret_arns, secrets_label
from gromit.core.stack.secrets import SecretState
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
    secrets: Mapping[str, SecretState] = field(default_factory=dict)
    """State of each secret, by the name or ARN that components use."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Repository to the desired tag whose image is gone; `versions` has its fallback."""


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


def made_components(
    sources: ResolvedInputs, revisions: Mapping[BuiltImage, str]
) -> tuple[MadeComponent, ...]:
    """Facts about each component that a successful apply of these inputs makes."""
    return tuple(
        _made(component, sources, revisions)
        for _, component in sorted(sources.catalogue.components.items())
    )


def _made(
    component: Component, sources: ResolvedInputs, revisions: Mapping[BuiltImage, str]
) -> MadeComponent:
    made = MadeComponent(
        name=component.name,
        version=_tag(str(component.image)),
        redeploy=sources.redeploys.get(component.name),
        port=component.port if component.public else None,
    )
    if component.repository is None:
        return made
    version = _version(sources.catalogue, component.repository, sources.versions)
    digest = sources.digests[component.repository, version]
    return replace(
        made,
        version=version,
        repository=component.repository,
        digest=digest or None,
        revision=revisions.get((component.repository, digest)),
        gone=sources.gone.get(component.repository),
    )


def recipe_hash(catalogue: Catalogue, fingerprint: str) -> str:
    """SHA-256 (hex) of what all environments share: the catalogue and the stack's files.

    With another one, an environment is made as it was until its next change. How the health of a
    component is asked is no part of it, because no apply changes that.
    """
    components = {name: asdict(c) for name, c in sorted(catalogue.components.items())}
    for component in components.values():
        del component["health"]
    return _digest({"stack": fingerprint, "components": components})


def spec_hash(stack: StackInput, fingerprint: str) -> str:
    """SHA-256 (hex) of all inputs and of the stack's files (`stack_hash`).

    An unchanged hash means that there is nothing to apply.
    """
    return _digest({"stack": fingerprint, "input": asdict(stack)})


def _digest(value: Mapping[str, Any]) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
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
        "gromit.secrets": secrets_label(component, sources.secrets),
    }
    settings = container_settings(component)
    settings["secrets"] = secret_arns(component, sources.secrets)
    # AWS would refuse the service of a component that the installation does not let.
    settings["exec"] = component.exec and sources.platform.lets_exec(component.name)
    return ComponentInput(
        image=image,
        labels={key: value for key, value in labels.items() if value},
        hooks={
            kind.value: HookInput(image=hook.image or image, command=hook.command)
            for kind, hook in sorted(component.hooks.items())
        },
        **settings,
    )


def _image(component: Component, sources: ResolvedInputs) -> tuple[str, Mapping[str, str]]:
    """Image to run, and the labels that identify its build."""
    if component.repository is None:
        fixed = str(component.image)
        return fixed, {"gromit.version": _tag(fixed)}
    tag = _version(sources.catalogue, component.repository, sources.versions)
    digest = sources.digests[component.repository, tag]
    # By digest: a task that ECS replaces runs the same image, whatever the tag names by then.
    reference = f"@{digest}" if digest else f":{tag}"
    labels = {"gromit.version": tag, "gromit.digest": digest}
    return f"{sources.platform.registry}/{component.repository}{reference}", labels


def _tag(image: str) -> str:
    """Version of a fixed image: its tag or digest, `latest` without either."""
    name = image.rsplit("/", 1)[-1]
    if "@" in name:
        return name.split("@", 1)[1]
    if ":" in name:
        return name.split(":", 1)[1]
    return "latest"
