"""Facts about what an apply made of an environment: kept with it, shown, and used by the next one.

Desired versions are tags, and a tag can move or expire. So an image is looked up once, when a
component gets another version or is redeployed; from then on its digest is used for it. If that
image is gone all the same, a fallback takes its place.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

COMPONENTS_MAX, REVISION_MAX = 200, 200
"""Limits of what a worker reports: components of an environment, characters of a commit."""


BuiltImage = tuple[str, str]
"""A repository and a digest in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeComponent:
    """One component as the last successful apply made it."""

    name: str
    version: str
    """Tag that was desired, or its fallback; of a fixed image, its tag or digest."""
    repository: str | None = None
    digest: str | None = None
    """Digest of the image that runs; None for a fixed image."""
    revision: str | None = None
    """Commit that the image was built from, if its manifest says so."""
    redeploy: str | None = None
    """Mark of its last redeployment at that time."""
    port: int | None = None
    """Public port; None if it is not public."""
    gone: str | None = None
    """Tag that was desired, if its image is gone, so that `version` runs instead."""

    def to_row(self) -> dict[str, Any]:
        """Return the facts as the row stores them, without those that are None, and the name."""
        return {k: v for k, v in asdict(self).items() if v is not None and k != "name"}

    @classmethod
    def from_row(cls, name: str, value: Mapping[str, Any]) -> Self:
        """Return the component that a row stores. Facts of later releases are left out."""
        return cls(name=name, **{k: v for k, v in value.items() if k in MADE_FACTS})


MADE_FACTS: Mapping[str, type] = {
    "version": str,
    "repository": str,
    "digest": str,
    "revision": str,
    "redeploy": str,
    "port": int,
    "gone": str,
}
"""Facts about a made component that a row stores, with their types."""


@dataclass(frozen=True, slots=True)
class MadeStack:
    """Result of an apply."""

    spec_hash: str
    """Hash of all inputs."""
    recipe: str = ""
    """Hash of the catalogue and the stack's files, which are the same for all environments."""
    components: tuple[MadeComponent, ...] = ()
    program: str = ""
    """Product and version of the terraform that applied; empty if there was nothing to apply."""
    checked_s: int | None = None
    """Seconds since the last full check; None if the next run has to make one."""


def is_digest(name: str) -> bool:
    """Whether an image is named by its digest, which no tag can be."""
    return name.startswith("sha256:")


def has_existed(made: Iterable[MadeComponent], repository: str, tag: str) -> bool:
    """Whether the registry had an image once, because an apply has made or replaced it."""
    return any(c.repository == repository and tag in {c.version, c.gone} for c in made)


def made_versions(versions: Mapping[str, str], made: Iterable[MadeComponent]) -> Mapping[str, str]:
    """Return the versions with fallbacks in place of those whose images were gone."""
    replaced = {
        c.repository: c.version
        for c in made
        if c.repository is not None and c.gone is not None
        if versions.get(c.repository) == c.gone
    }
    return {**versions, **replaced}


def gone_text(made: Iterable[MadeComponent]) -> str:
    """Return which images are gone and what runs instead, for people; empty if none is."""
    gone = sorted({(c.repository, c.gone, c.version) for c in made if c.repository and c.gone})
    texts = (f"image {repository}:{tag} is gone: {v} runs instead" for repository, tag, v in gone)
    return "; ".join(texts)


def kept_images(
    made: Iterable[MadeComponent],
    required: Collection[tuple[str, str]],
    redeploys: Mapping[str, str],
) -> dict[tuple[str, str], MadeComponent]:
    """Return those of the `required` images that need no look-up because nothing changed.

    A redeployed component gets the image that its tag has now, and so do all components of the
    same repository: one environment runs one image of a version.
    """
    kept: dict[tuple[str, str], MadeComponent] = {}
    renewed: set[str] = set()
    for component in made:
        if component.repository is None or component.digest is None:
            continue
        if component.redeploy != redeploys.get(component.name):
            renewed.add(component.repository)
        elif (image := (component.repository, component.version)) in required:
            kept[image] = component
    return {image: c for image, c in kept.items() if image[0] not in renewed}
