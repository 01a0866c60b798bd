"""Put terraform and its provider into the image, so that a running part downloads nothing.

    python bake.py program URL HASH --name terraform --to /opt/terraform/bin
    python bake.py provider URL HASH --version 5.100.0 --to /opt/terraform/mirror

HASH has the form of terraform's lock files: `zh:` and the SHA-256 of the archive in hex, from the
publisher's `SHA256SUMS`; or `h1:` and the hash of the content, from a `.terraform.lock.hcl`.
The script compares the hash before it unpacks anything.
It uses only the standard library, because its build stage has nothing else.
"""

import argparse
import base64
import hashlib
import os
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import URLError
from zipfile import BadZipFile, ZipFile

SOURCE = "registry.terraform.io/hashicorp/aws"
"""Address of the provider in the stacks."""

_TIMEOUT_S = 60
_CHUNK = 1 << 20


class Refused(Exception):
    """The download failed, or its content is wrong."""


def bake_program(archive: Path, name: str, to: Path) -> Path:
    """Unpack a program and its licence, if there is one, into the folder `to`; return its path.

    Raises `Refused` if the archive does not contain the program.
    """
    with ZipFile(archive) as opened:
        if name not in opened.namelist():
            raise Refused(f"there is no {name} in the archive, only {', '.join(opened.namelist())}")
        to.mkdir(parents=True, exist_ok=True)
        for licence in set(opened.namelist()) & {"LICENSE", "LICENSE.txt"}:
            _unpack(opened, licence, to / f"{name}.{licence}", 0o644)
        return _unpack(opened, name, to / name, 0o755)


def bake_provider(archive: Path, version: str, to: Path, platform: str = "linux_amd64") -> Path:
    """Unpack a provider into the folder `to`, as a `filesystem_mirror` needs it; return its folder.

    Raises `Refused` if the archive is not that version of the provider, or would write elsewhere.
    """
    folder = to / SOURCE / version / platform
    with ZipFile(archive) as opened:
        names = opened.namelist()
        if odd := [name for name in names if PurePosixPath(name).name != name]:
            raise Refused(f"the archive has {odd[0]} in it, and a provider's has no folders")
        prefix = f"terraform-provider-{PurePosixPath(SOURCE).name}_v{version}"
        if not any(name == prefix or name.startswith(prefix + "_") for name in names):
            raise Refused(f"there is no {prefix} in the archive, only {', '.join(names)}")
        folder.mkdir(parents=True)
        for name in names:
            _unpack(opened, name, folder / name, 0o755 if name.startswith(prefix) else 0o644)
    return folder


def verify(archive: Path, wanted: str) -> None:
    """Compare an archive with its hash. Raises `Refused` if it differs or is malformed."""
    scheme = wanted.partition(":")[0]
    if scheme not in {"zh", "h1"}:
        raise Refused(
            f"{wanted} is no hash of terraform's:"
            " write zh:HEX (SHA-256 of the archive) or h1:BASE64 (of its content)"
        )
    with archive.open("rb") as file:
        found = (
            f"zh:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            if scheme == "zh"
            else content_hash(_members(archive))
        )
    if found != wanted:
        raise Refused(f"what was downloaded has the hash {found}, not {wanted}")


def content_hash(members: Iterable[tuple[str, str]]) -> str:
    """Compute the `h1:` hash of files from their names and SHA-256.

    It is the hash of the list that `sha256sum` would print, sorted by name.
    """
    listed = "".join(f"{digest}  {name}\n" for name, digest in sorted(members))
    return "h1:" + base64.b64encode(hashlib.sha256(listed.encode()).digest()).decode()


def download(url: str, to: Path) -> None:
    """Fetch `url` into the file `to`. Raises `Refused` if that fails."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, to.open("wb") as file:  # noqa: S310 - the builder's own argument
            shutil.copyfileobj(answer, file, _CHUNK)
    except (URLError, OSError, ValueError) as error:
        raise Refused(f"cannot download {url}: {error}") from error


def main(arguments: list[str]) -> int:
    """Download, compare and unpack. Return 0, or 1 with the reason on standard error."""
    wanted = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "archive.zip")
            download(wanted.url, archive)
            verify(archive, wanted.hash)
            if wanted.what == "program":
                made = bake_program(archive, wanted.name, wanted.to)
            else:
                made = bake_provider(archive, wanted.version, wanted.to, wanted.platform)
    except (Refused, BadZipFile) as refused:
        print(f"bake: {refused}", file=sys.stderr)
        return 1
    print(f"bake: {made} from {wanted.url}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bake.py", description="Put terraform and its provider into the image."
    )
    kinds = parser.add_subparsers(dest="what", required=True)
    program = kinds.add_parser("program", help="the program itself")
    program.add_argument("--name", required=True, help="its name in the archive: terraform or tofu")
    provider = kinds.add_parser("provider", help="the AWS provider, as an unpacked mirror")
    provider.add_argument("--version", required=True, help="its version, for example 5.100.0")
    provider.add_argument("--platform", default="linux_amd64", help="its platform")
    for kind in (program, provider):
        kind.add_argument("url", help="address of the zip archive")
        kind.add_argument("hash", help="zh:HEX or h1:BASE64")
        kind.add_argument("--to", required=True, type=Path, help="folder for it")
    return parser


def _members(archive: Path) -> list[tuple[str, str]]:
    with ZipFile(archive) as opened:
        return [(name, _sha256(opened.open(name))) for name in opened.namelist()]


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _unpack(archive: ZipFile, name: str, to: Path, mode: int) -> Path:
    with archive.open(name) as packed, to.open("wb") as file:
        shutil.copyfileobj(packed, file, _CHUNK)
        os.fchmod(file.fileno(), mode)
    return to


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
