"""The lock files of the roots in `terraform/`: one provider, which is the one in the image."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stacks.hcl import PLATFORM, REPOSITORY, Directory, directories
from tests.stacks.terraform import Terraform, copied

LOCK = ".terraform.lock.hcl"
ROOTS = [place for place in directories() if place.path.parent == PLATFORM]
UNKNOWN = {"terraform/delegation": "Cloudflare's provider is in no mirror"}
"""Roots that cannot be initialised here, with the reason."""
INITIALISED = [place for place in ROOTS if place.name not in UNKNOWN]

_ARGUMENT = re.compile(r"^ARG (PROVIDER_\w+)=(.+)$", re.MULTILINE)
IMAGE = dict(_ARGUMENT.findall((REPOSITORY / "Dockerfile").read_text(encoding="utf-8")))


def initialised(place: Directory, folder: Path, mirror: Path) -> subprocess.CompletedProcess[str]:
    """Run `init` in a copy of a root with its lock file, which terraform may not change."""
    terraform = Terraform(copied(folder) / place.name, mirror)
    shutil.copy(place.path / LOCK, terraform.folder)
    return terraform("init", "-backend=false", "-input=false", "-no-color", "-lockfile=readonly")


@pytest.mark.parametrize("place", ROOTS, ids=lambda d: d.name)
def test_every_root_locks_the_provider_of_the_image(place: Directory) -> None:
    text = place.texts[LOCK]
    aws = place.blocks("terraform")[0].body["required_providers"][0]["aws"]
    assert re.findall(r'^provider "(.+)" \{$', text, re.MULTILINE) == [aws["source"]]
    assert f'version     = "{IMAGE["PROVIDER_VERSION"]}"' in text
    assert f'"{IMAGE["PROVIDER_HASH"]}",' in text


@pytest.mark.terraform
@pytest.mark.parametrize("place", INITIALISED, ids=lambda d: d.name)
def test_another_provider_is_refused(mirror: Path, tmp_path: Path, place: Directory) -> None:
    """The embedded provider is older. Without lock files, `init` takes it."""
    done = initialised(place, tmp_path, mirror)
    assert done.returncode != 0
    assert IMAGE["PROVIDER_VERSION"] in done.stderr


@pytest.mark.terraform
@pytest.mark.parametrize("place", INITIALISED, ids=lambda d: d.name)
def test_the_provider_of_the_image_is_accepted(tmp_path: Path, place: Directory) -> None:
    path = os.environ.get("GROMIT_TEST_MIRROR")
    versions = Path(path or tmp_path, "registry.terraform.io", "hashicorp", "aws")
    if not (versions / IMAGE["PROVIDER_VERSION"]).is_dir():
        pytest.skip("GROMIT_TEST_MIRROR does not name a folder with the image's provider")
    done = initialised(place, tmp_path, versions.parents[2])
    assert done.returncode == 0, done.stderr
