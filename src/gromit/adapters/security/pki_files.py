"""Folder of the CA: its key, the certificates it issued, and the deny list.

    ca.pem ca-key.pem           the CA; without its key if the setting `pki.ca_key` gives it.
                                ca.pem may also contain the next CA, or the one before
    NAME.pem NAME-key.pem       newest certificate of a name, and its key
    NAME.p12                    both and the CA's certificate, for browsers, with a password
    index.json                  all issued certificates, in order
    denylist                    revoked serials, if settings name no other file
    PART/NAME.pem …             the same for the names of a part of an installation,
                                with copies of ca.pem and denylist

A part can be given its own folder only, so that an attacker who takes it over finds no other keys.

A certificate and its key are two files. Both are written as `NAME….new` and synced first, and then
renamed, the key before the certificate. The next command finishes this after a crash. A reader that
finds only one of them renamed sees that they do not match.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from gromit.adapters.private_files import (
    FOLDER,
    PUBLIC,
    WatchedFile,
    commit,
    file_lock,
    private_file_errors,
    stage,
    write_atomically,
)
from gromit.adapters.security.ca_key import key_matches_certificate, parse_ca_pem, parse_key
from gromit.core.security.certificates import (
    CA_NAME,
    CertificateAuthority,
    IssuedCertificate,
    Key,
    Kind,
    parse_denylist,
)
from gromit.core.security.roles import Role
from gromit.errors import ConfigError, Conflict, NotFound, TrustError

NEW = ".new"


class PkiFiles:
    """Implementation of `PkiFolder` in a folder that only gromit's user can enter."""

    def __init__(
        self, folder: Path, denylist: Path | None = None, ca_key: str | None = None
    ) -> None:
        """Use `folder`, with the deny list in it unless `denylist` names another file.

        `ca_key` is the CA's key as PEM text; None if it is in the folder.
        """
        self._folder = folder
        self._ca_key = ca_key
        self.denylist = denylist or folder / "denylist"
        self._arranged: dict[str, Path] = {}

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Lock the folder, and finish the change that a crashed process left unfinished."""
        with private_file_errors(f"create the folder {self._folder}"):
            self._folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)
            if self._folder.stat().st_mode & 0o077:
                raise ConfigError(
                    f"{self._folder} is open to others",
                    hint=f"run `chmod 700 {self._folder}` if it contains only the CA",
                )
        with file_lock(self._folder / ".lock"):
            self._finish()
            yield

    def arrange(self, parts: Mapping[str, str]) -> None:
        """Assign names to folders of parts. Files of a name that are elsewhere are moved."""
        for name, part in parts.items():
            after = self._folder / part
            with private_file_errors(f"create the folder {after}, with the files of {name}"):
                after.mkdir(mode=FOLDER, exist_ok=True)
                for file in (f"{name}-key.pem", f"{name}.pem", f"{name}.p12"):
                    self._move(file, after)
            self._arranged[name] = after

    def _move(self, file: str, after: Path) -> None:
        """Move a file to the folder `after`, unless that has it already."""
        found = [
            before / file for before in (self._folder, *self._parts()) if (before / file).exists()
        ]
        if found and not (after / file).exists():
            commit(found[0], after / file)

    def folder_of(self, name: str) -> Path:
        """Folder of the files of a name: as arranged, else where they are, else the CA's."""
        found = (
            part
            for part in self._parts()
            if (part / f"{name}.pem").exists() or (part / f"{name}-key.pem").exists()
        )
        return self._arranged.get(name) or next(found, self._folder)

    def create_ca(self, authority: CertificateAuthority) -> None:
        """Write a new CA and an empty deny list. Raises `Conflict` if there is a CA."""
        self.check_no_ca()
        self._write_pair(CA_NAME, authority.certificate, authority.key)
        self._begin_denylist()

    def check_no_ca(self) -> None:
        """Raise `Conflict` if there is a CA."""
        if self._cert(CA_NAME).exists() or self._key(CA_NAME).exists():
            raise Conflict(
                f"there is a CA in {self._folder}",
                hint="choose another folder; without its CA, a certificate is worthless",
            )

    def publish_ca(self, certificate: x509.Certificate) -> None:
        """Write the CA's certificate and the deny list, and copies for each part."""
        if not self._cert(CA_NAME).exists():
            write_atomically(
                self._cert(CA_NAME), certificate.public_bytes(Encoding.PEM), mode=PUBLIC
            )
        self._begin_denylist()
        self._copy_to_parts()

    def trust_ca(self, certificate: x509.Certificate) -> bool:
        """Append the certificate of another CA, for each part too; False if it is there.

        Raises `NotFound` without a CA.
        """
        if not self._cert(CA_NAME).exists():
            raise self._no_ca("create one with `gromit pki init`")
        known = self._ca_certificates()
        is_new = certificate not in known
        if is_new:
            text = b"".join(each.public_bytes(Encoding.PEM) for each in (*known, certificate))
            write_atomically(self._cert(CA_NAME), text, mode=PUBLIC)
        self._copy_to_parts()
        return is_new

    def authority(self) -> CertificateAuthority:
        """Read the CA. Raises `NotFound`, or `ConfigError` if its files are invalid."""
        if self._ca_key is not None:
            return self._authority_by(self._ca_key)
        if not self._cert(CA_NAME).exists():
            raise self._no_ca("create one with `gromit pki init`")
        with private_file_errors(f"read the CA in {self._folder}"):
            certificate, key = self._cert(CA_NAME).read_bytes(), self._key(CA_NAME).read_bytes()
        try:
            return CertificateAuthority(x509.load_pem_x509_certificate(certificate), parse_key(key))
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"the CA in {self._folder} cannot be used: {error}", hint="restore its files"
            ) from None

    def index(self) -> Sequence[IssuedCertificate]:
        """All issued certificates, in order. Raises `ConfigError` if the index is invalid."""
        path = self._folder / "index.json"
        if not path.exists():
            return ()
        with private_file_errors(f"read {path}"):
            text = path.read_text("utf-8")
        try:
            return tuple(_issued(line) for line in json.loads(text)["issued"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} cannot be understood: {error!r}", hint="restore it from a backup"
            ) from None

    def append(self, line: IssuedCertificate) -> None:
        """Append a certificate to the index."""
        lines = [_json_of(each) for each in (*self.index(), line)]
        write_atomically(
            self._folder / "index.json", json.dumps({"issued": lines}, indent=1).encode()
        )

    def has_files(self, name: str) -> bool:
        """Whether a name has a certificate or a key file."""
        return self._cert(name).exists() or self._key(name).exists()

    def has_pair(self, name: str) -> bool:
        """Whether a name has both a certificate and a key file."""
        return self._cert(name).exists() and self._key(name).exists()

    def has_p12(self, name: str) -> bool:
        """Whether a name has a PKCS#12 file."""
        return self._path(name, ".p12").exists()

    def write_leaf(self, name: str, certificate: x509.Certificate, key: Key) -> None:
        """Replace the certificate and the key of a name."""
        self._write_pair(name, certificate, key)

    def write_p12(self, name: str, certificate: x509.Certificate, key: Key, password: str) -> None:
        """Replace the PKCS#12 file of a name."""
        encryption = BestAvailableEncryption(password.encode())
        chain = [self.authority().certificate]
        data = pkcs12.serialize_key_and_certificates(
            name.encode(), key, certificate, chain, encryption
        )
        write_atomically(self._path(name, ".p12"), data)

    def denied(self) -> frozenset[str]:
        """Revoked serials; empty without a list. Raises `TrustError` or `ConfigError`."""
        if not self.denylist.exists():
            return frozenset()
        with private_file_errors(f"read {self.denylist}"):
            return parse_denylist(self.denylist.read_text("utf-8"))

    def deny(self, remarks: Mapping[str, str]) -> None:
        """Append serials to the deny list, each with a remark. Existing lines stay unchanged."""
        with private_file_errors(f"read {self.denylist}"):
            text = self.denylist.read_text("utf-8") if self.denylist.exists() else ""
        if text and not text.endswith("\n"):
            text += "\n"
        text += "".join(f"{serial}  # {remark}\n" for serial, remark in remarks.items())
        write_atomically(self.denylist, text.encode(), mode=PUBLIC)
        self._copy_to_parts()

    def _authority_by(self, pem: str) -> CertificateAuthority:
        """Read the CA with a key from outside the folder.

        If the folder has certificates, the key must belong to one of them.
        """
        key, certificate = parse_ca_pem(pem)
        known = self._ca_certificates() if self._cert(CA_NAME).exists() else [certificate]
        if known == [None]:
            raise self._no_ca("pki.ca_key contains only the key: put ca.pem into the folder")
        for each in known:
            if each is not None and key_matches_certificate(key, each):
                return CertificateAuthority(each, key)
        raise ConfigError(
            f"the key of pki.ca_key does not belong to the CA in {self._folder}",
            hint="set the key of that CA; before the key of the next CA,"
            " run `gromit pki trust` with its certificate",
        )

    def _ca_certificates(self) -> list[x509.Certificate]:
        """Read the certificates in `ca.pem`. Raises `ConfigError`."""
        path = self._cert(CA_NAME)
        with private_file_errors(f"read {path}"):
            text = path.read_bytes()
        try:
            return x509.load_pem_x509_certificates(text)
        except ValueError:
            raise ConfigError(
                f"{path} is not a certificate", hint="restore it, or move it away"
            ) from None

    def _no_ca(self, hint: str) -> NotFound:
        return NotFound(f"there is no CA in {self._folder}", hint=hint)

    def _begin_denylist(self) -> None:
        if not self.denylist.exists():
            write_atomically(
                self.denylist,
                b"# Serials of revoked certificates, in hex, one a line.\n",
                mode=PUBLIC,
            )

    def _parts(self) -> list[Path]:
        """Folders of parts: those with a copy of the CA's certificate, and newly arranged ones."""
        found = {
            path.parent
            for path in self._folder.glob(f"*/{CA_NAME}.pem")
            if not path.parent.name.startswith(".")
        }
        return sorted(found | set(self._arranged.values()))

    def _copy_to_parts(self) -> None:
        """Copy the CA's certificate and the deny list to each part, unless the copy is equal."""
        for part in self._parts():
            for source, name in (
                (self._cert(CA_NAME), f"{CA_NAME}.pem"),
                (self.denylist, "denylist"),
            ):
                copy = part / name
                with private_file_errors(f"read {source} and {copy}"):
                    text = source.read_bytes()
                    is_current = copy.exists() and copy.read_bytes() == text
                if not is_current:
                    write_atomically(copy, text, mode=PUBLIC)

    def _write_pair(self, name: str, certificate: x509.Certificate, key: Key) -> None:
        with private_file_errors(f"write the certificate {name} in {self.folder_of(name)}"):
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            # Both files are on disk before the first rename, so a crash can always be finished.
            new_key = stage(self._key(name), pem, suffix=NEW)
            new_cert = stage(
                self._cert(name), certificate.public_bytes(Encoding.PEM), mode=PUBLIC, suffix=NEW
            )
            commit(new_key, self._key(name))
            commit(new_cert, self._cert(name))

    def _finish(self) -> None:
        """Complete a pair that a crash left half renamed, or drop it if it was half written."""
        for folder in (self._folder, *self._parts()):
            with private_file_errors(f"finish an interrupted change in {folder}"):
                _finish_in(folder)

    def _cert(self, name: str) -> Path:
        return self._path(name, ".pem")

    def _key(self, name: str) -> Path:
        return self._path(name, "-key.pem")

    def _path(self, name: str, end: str) -> Path:
        if "/" in name or name.startswith("."):
            raise ValueError(name)  # callers have checked the name; this is only a safeguard
        folder = self._folder if name == CA_NAME else self.folder_of(name)
        return folder / f"{name}{end}"


def _finish_in(folder: Path) -> None:
    # A new key with its new certificate: both were written, and none was renamed yet.
    for new_key in folder.glob(f"*-key.pem{NEW}"):
        old_key = new_key.with_name(new_key.name.removesuffix(NEW))
        if new_key.with_name(f"{old_key.name.removesuffix('-key.pem')}.pem{NEW}").exists():
            commit(new_key, old_key)
        else:
            new_key.unlink()
    # A new certificate alone: its key has been renamed already.
    for new_cert in folder.glob(f"*.pem{NEW}"):
        commit(new_cert, new_cert.with_name(new_cert.name.removesuffix(NEW)))


class DenyListFile:
    """Deny list for a server, which asks it for each request.

    It is read again when it has changed. If it cannot be read, no certificate is accepted.
    """

    def __init__(self, path: Path) -> None:
        self._file = WatchedFile(path, parse_denylist, TrustError)

    def denies(self, serial: str) -> bool:
        """Whether a serial is revoked. Raises `TrustError` if the list cannot be read."""
        return serial in self._file.value()


def _json_of(line: IssuedCertificate) -> Mapping[str, Any]:
    return {
        "name": line.name,
        "kind": str(line.kind),
        "serial": line.serial,
        "sans": list(line.sans),
        "days": line.days,
        "not_before": line.not_before.isoformat(),
        "not_after": line.not_after.isoformat(),
    }


def _issued(line: Mapping[str, Any]) -> IssuedCertificate:
    kind: Kind = "server" if line["kind"] == "server" else Role(line["kind"])
    return IssuedCertificate(
        name=str(line["name"]),
        kind=kind,
        serial=str(line["serial"]),
        sans=tuple(str(san) for san in line["sans"]),
        days=int(line["days"]),
        not_before=datetime.fromisoformat(line["not_before"]),
        not_after=datetime.fromisoformat(line["not_after"]),
    )
