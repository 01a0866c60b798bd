"""The folder of the CA: its key, what it issued, and the list of revoked serials.

    ca.pem ca-key.pem           the CA; its key is not here where the setting `pki.ca_key` says it
    NAME.pem NAME-key.pem       the newest certificate of a name, and its key
    NAME.p12                    both and the CA, for browsers, under a password
    index.json                  everything that was issued, in order
    denylist                    revoked serials, if settings name no other file
    PART/NAME.pem …             the same of the names that a part of an installation holds, with copies of ca.pem and denylist

A part can be shown its folder alone, so that nobody who breaks into it finds the keys of the others.

A certificate and its key are two files: both are brought to disk as `NAME….new` first and then renamed, the key before the
certificate. A crash in between is finished by the next command; a reader that meets the pair half-way sees that it does not fit.
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
    """The port `PkiFolder`, on a folder that only gromit's user can enter."""

    def __init__(
        self, folder: Path, denylist: Path | None = None, ca_key: str | None = None
    ) -> None:
        """`denylist` is by default a file of the folder; `ca_key` is the key as PEM text, if it is not in the folder."""
        self._folder = folder
        self._ca_key = ca_key
        self.denylist = denylist or folder / "denylist"
        self._arranged: dict[str, Path] = {}

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other processes out, and finish what one of them left half done."""
        with private_file_errors(f"make the folder {self._folder}"):
            self._folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)
            if self._folder.stat().st_mode & 0o077:
                raise ConfigError(
                    f"{self._folder} is open to others",
                    hint=f"chmod 700 {self._folder}, if it is for the CA alone",
                )
        with file_lock(self._folder / ".lock"):
            self._finish()
            yield

    def arrange(self, parts: Mapping[str, str]) -> None:
        """Let the files of each name lie in the folder of a part from now on; those that lie elsewhere are moved there."""
        for name, part in parts.items():
            after = self._folder / part
            with private_file_errors(f"make the folder {after}, with the files of {name}"):
                after.mkdir(mode=FOLDER, exist_ok=True)
                for file in (f"{name}-key.pem", f"{name}.pem", f"{name}.p12"):
                    found = [
                        before / file
                        for before in (self._folder, *self._parts())
                        if (before / file).exists()
                    ]
                    if found and not (after / file).exists():
                        commit(found[0], after / file)
            self._arranged[name] = after

    def folder_of(self, name: str) -> Path:
        """Where the files of a name lie, or will: where they are found, unless it has been arranged."""
        found = (
            part
            for part in self._parts()
            if (part / f"{name}.pem").exists() or (part / f"{name}-key.pem").exists()
        )
        return self._arranged.get(name) or next(found, self._folder)

    def create_ca(self, authority: CertificateAuthority) -> None:
        """Keep a new CA. Raises `Conflict` if there is one."""
        self.check_no_ca()
        self._write_pair(CA_NAME, authority.certificate, authority.key)
        self._begin_denylist()

    def check_no_ca(self) -> None:
        """Raise `Conflict` if there is a CA."""
        if self._cert(CA_NAME).exists() or self._key(CA_NAME).exists():
            raise Conflict(
                f"there is a CA in {self._folder}",
                hint="choose another folder; certificates of a lost CA are void",
            )

    def publish_ca(self, certificate: x509.Certificate) -> None:
        """See to it that the CA's certificate is in the folder and in those of the parts, and a deny list."""
        if not self._cert(CA_NAME).exists():
            write_atomically(
                self._cert(CA_NAME), certificate.public_bytes(Encoding.PEM), mode=PUBLIC
            )
        self._begin_denylist()
        self._hand_out()

    def authority(self) -> CertificateAuthority:
        """The CA. Raises `NotFound`."""
        if self._ca_key is not None:
            return self._authority_by(self._ca_key)
        if not self._cert(CA_NAME).exists():
            raise NotFound(
                f"there is no CA in {self._folder}", hint="make one with `gromit pki init`"
            )
        with private_file_errors(f"read the CA in {self._folder}"):
            certificate, key = self._cert(CA_NAME).read_bytes(), self._key(CA_NAME).read_bytes()
        try:
            return CertificateAuthority(x509.load_pem_x509_certificate(certificate), parse_key(key))
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"the CA in {self._folder} cannot be used: {error}", hint="restore its files"
            ) from None

    def index(self) -> Sequence[IssuedCertificate]:
        """Everything that was issued, in order."""
        path = self._folder / "index.json"
        if not path.exists():
            return ()
        with private_file_errors(f"read {path}"):
            text = path.read_text("utf-8")
        try:
            return tuple(_issued(line) for line in json.loads(text)["issued"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} cannot be understood: {error!r}", hint="restore it from a copy"
            ) from None

    def append(self, line: IssuedCertificate) -> None:
        """Note that a certificate is issued. Done before its files are written, so that none exists unknown."""
        lines = [_json_of(each) for each in (*self.index(), line)]
        write_atomically(
            self._folder / "index.json", json.dumps({"issued": lines}, indent=1).encode()
        )

    def has_files(self, name: str) -> bool:
        """Whether files of that name are there."""
        return self._cert(name).exists() or self._key(name).exists()

    def has_pair(self, name: str) -> bool:
        """Whether both files of that name are there."""
        return self._cert(name).exists() and self._key(name).exists()

    def has_p12(self, name: str) -> bool:
        """Whether the name has a PKCS#12 file."""
        return self._path(name, ".p12").exists()

    def write_leaf(self, name: str, certificate: x509.Certificate, key: Key) -> None:
        """Replace a name's certificate and key."""
        self._write_pair(name, certificate, key)

    def write_p12(self, name: str, certificate: x509.Certificate, key: Key, password: str) -> None:
        """Replace a name's PKCS#12 file."""
        encryption = BestAvailableEncryption(password.encode())
        chain = [self.authority().certificate]
        data = pkcs12.serialize_key_and_certificates(
            name.encode(), key, certificate, chain, encryption
        )
        write_atomically(self._path(name, ".p12"), data)

    def denied(self) -> frozenset[str]:
        """Revoked serials; empty if the list was never begun. Raises `TrustError` or `ConfigError`."""
        if not self.denylist.exists():
            return frozenset()
        with private_file_errors(f"read {self.denylist}"):
            return parse_denylist(self.denylist.read_text("utf-8"))

    def deny(self, remarks: Mapping[str, str]) -> None:
        """Add serials, each with a remark, to the deny list; what is in it stays as it is."""
        with private_file_errors(f"read {self.denylist}"):
            text = self.denylist.read_text("utf-8") if self.denylist.exists() else ""
        text += "" if not text or text.endswith("\n") else "\n"
        text += "".join(f"{serial}  # {remark}\n" for serial, remark in remarks.items())
        write_atomically(self.denylist, text.encode(), mode=PUBLIC)
        self._hand_out()

    def _authority_by(self, pem: str) -> CertificateAuthority:
        """The CA whose key comes from outside; the folder's certificate must be that of the key, if there is one."""
        key, certificate = parse_ca_pem(pem)
        path = self._cert(CA_NAME)
        if path.exists():
            with private_file_errors(f"read {path}"):
                text = path.read_bytes()
            try:
                certificate = x509.load_pem_x509_certificate(text)
            except ValueError:
                raise ConfigError(
                    f"{path} is not a certificate", hint="restore it, or move it away"
                ) from None
        if certificate is None:
            raise NotFound(
                f"there is no CA in {self._folder}",
                hint="pki.ca_key has its key alone: put its ca.pem into the folder",
            )
        if not key_matches_certificate(key, certificate):
            raise ConfigError(
                f"the key of pki.ca_key is not that of the CA in {self._folder}",
                hint="give the key of that CA; for a new CA use a new folder",
            )
        return CertificateAuthority(certificate, key)

    def _begin_denylist(self) -> None:
        if not self.denylist.exists():
            write_atomically(
                self.denylist,
                b"# Serials of revoked certificates, in hex, one a line.\n",
                mode=PUBLIC,
            )

    def _parts(self) -> list[Path]:
        """Folders of parts: those that hold a copy of the CA's certificate, or are about to."""
        found = {
            path.parent
            for path in self._folder.glob(f"*/{CA_NAME}.pem")
            if not path.parent.name.startswith(".")
        }
        return sorted(found | set(self._arranged.values()))

    def _hand_out(self) -> None:
        """Give each part what all need to know: whom to trust, and whom no longer. What is right stays as it is."""
        for part in self._parts():
            for source, name in (
                (self._cert(CA_NAME), f"{CA_NAME}.pem"),
                (self.denylist, "denylist"),
            ):
                copy = part / name
                with private_file_errors(f"read {source} and {copy}"):
                    text = source.read_bytes()
                    is_right = copy.exists() and copy.read_bytes() == text
                if not is_right:
                    write_atomically(copy, text, mode=PUBLIC)

    def _write_pair(self, name: str, certificate: x509.Certificate, key: Key) -> None:
        with private_file_errors(f"write the certificate {name} in {self.folder_of(name)}"):
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            new_key = stage(self._key(name), pem, suffix=NEW)
            new_cert = stage(
                self._cert(name), certificate.public_bytes(Encoding.PEM), mode=PUBLIC, suffix=NEW
            )
            commit(new_key, self._key(name))
            commit(new_cert, self._cert(name))

    def _finish(self) -> None:
        """Complete or drop a pair that a crash left half renamed: it is complete once both files were on disk."""
        for folder in (self._folder, *self._parts()):
            with private_file_errors(f"finish an interrupted change in {folder}"):
                _finish_in(folder)

    def _cert(self, name: str) -> Path:
        return self._path(name, ".pem")

    def _key(self, name: str) -> Path:
        return self._path(name, "-key.pem")

    def _path(self, name: str, end: str) -> Path:
        if "/" in name or name.startswith("."):
            raise ValueError(name)  # names are checked long before; this is the last net
        return (self._folder if name == CA_NAME else self.folder_of(name)) / f"{name}{end}"


def _finish_in(folder: Path) -> None:
    for new_key in folder.glob(f"*-key.pem{NEW}"):
        old_key = new_key.with_name(new_key.name.removesuffix(NEW))
        if new_key.with_name(f"{old_key.name.removesuffix('-key.pem')}.pem{NEW}").exists():
            commit(new_key, old_key)
        else:
            new_key.unlink()
    for new_cert in folder.glob(f"*.pem{NEW}"):
        commit(new_cert, new_cert.with_name(new_cert.name.removesuffix(NEW)))


class DenyListFile:
    """The deny list as a server asks it: per request, read anew when it changes, and nobody passes if it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._file = WatchedFile(path, parse_denylist, TrustError)

    def denies(self, serial: str) -> bool:
        """Whether the certificate is revoked. Raises `TrustError`."""
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
