"""Manifests that were just looked up."""

import pytest

from gromit.adapters.aws.manifests import LONGEST, Manifest, ManifestMemory

IMAGE, OTHER = ("tyk", "sha256:1"), ("tyk", "sha256:2")
MANIFEST = Manifest("{}", "application/json")


def test_a_manifest_is_given_out_once_for_each_tag() -> None:
    memory = ManifestMemory()
    memory.add(IMAGE, MANIFEST)
    taken = [memory.take(IMAGE, tag) for tag in ("next", "used", "next", "used")]
    assert taken == [MANIFEST, MANIFEST, None, None]
    assert memory.text(IMAGE) == "{}"


def test_another_look_at_the_image_starts_again() -> None:
    memory = ManifestMemory()
    for _ in range(2):
        memory.add(IMAGE, MANIFEST)
        assert memory.take(IMAGE, "next") == MANIFEST


@pytest.mark.parametrize(("kept", "known"), [(0, [None, None]), (1, [None, "{}"]), (2, ["{}"] * 2)])
def test_only_the_newest_are_remembered(kept: int, known: list[str | None]) -> None:
    memory = ManifestMemory(kept)
    for image in (IMAGE, OTHER):
        memory.add(image, MANIFEST)
    assert [memory.text(image) for image in (IMAGE, OTHER)] == known


def test_a_long_manifest_is_not_remembered() -> None:
    memory = ManifestMemory()
    memory.add(IMAGE, Manifest("x" * (LONGEST + 1), "application/json"))
    assert memory.text(IMAGE) is None
