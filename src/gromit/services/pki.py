"""Our own CA: make it, issue, renew and revoke certificates, and say how they stand."""

from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog
from cryptography.x509 import Certificate

from gromit.core.security import certificates
from gromit.core.security.certificates import (
    CA_NAME,
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    Key,
    LeafRequest,
)
from gromit.errors import Conflict, InvalidInput, NotFound

log = structlog.get_logger(__name__)

REMOVED = frozenset({CertificateStatus.EXPIRED, CertificateStatus.REVOKED})


class PkiFolder(Protocol):
    """Where the CA and what it issued are kept.

    It stands here and not in `ports` because it names types of cryptography, which no other command should have to import.
    """

    def changing(self) -> AbstractContextManager[None]:
        """Keep others from changing anything for the length of a `with`."""
        ...

    def arrange(self, parts: Mapping[str, str]) -> None:
        """Let the files of each name lie in the folder of a part from now on; those that lie elsewhere are moved there."""
        ...

    def folder_of(self, name: str) -> Path:
        """Where the files of a name lie, or will."""
        ...

    def create_ca(self, authority: CertificateAuthority) -> None:
        """Keep a new CA. Raises `Conflict` if there is one."""
        ...

    def check_no_ca(self) -> None:
        """Raise `Conflict` if there is a CA."""
        ...

    def publish_ca(self, certificate: Certificate) -> None:
        """See to it that the CA's certificate is there for all to read, for each part in its own folder."""
        ...

    def authority(self) -> CertificateAuthority:
        """The CA. Raises `NotFound`."""
        ...

    def index(self) -> Sequence[IssuedCertificate]:
        """Everything that was issued, in order."""
        ...

    def append(self, line: IssuedCertificate) -> None:
        """Add to the index."""
        ...

    def has_files(self, name: str) -> bool:
        """Whether files of that name are there."""
        ...

    def has_pair(self, name: str) -> bool:
        """Whether both the certificate and the key of that name are there."""
        ...

    def has_p12(self, name: str) -> bool:
        """Whether the name has a PKCS#12 file."""
        ...

    def write_leaf(self, name: str, certificate: Certificate, key: Key) -> None:
        """Replace a name's certificate and key."""
        ...

    def write_p12(self, name: str, certificate: Certificate, key: Key, password: str) -> None:
        """Replace a name's PKCS#12 file."""
        ...

    def denied(self) -> frozenset[str]:
        """Revoked serials."""
        ...

    def deny(self, remarks: Mapping[str, str]) -> None:
        """Revoke serials, each with a remark."""
        ...


class KeyStore(Protocol):
    """Where the key of a new CA goes, if it is not to lie in the folder."""

    def put(self, authority: CertificateAuthority) -> None:
        """Keep it. Raises `Conflict` if something is there already."""
        ...


@dataclass(frozen=True, slots=True)
class PkiInputs:
    """Where time and randomness come from."""

    now: Callable[[], datetime]
    serial: Callable[[], int]
    new_key: Callable[[], Key]


@dataclass(frozen=True, slots=True)
class RenewalResult:
    """What became of one name."""

    name: str
    renewed: IssuedCertificate | None
    reason: str


class Pki:
    """The CA of one folder."""

    def __init__(self, folder: PkiFolder, sources: PkiInputs) -> None:
        self._folder = folder
        self._sources = sources

    def init(self, name: str, days: int, vault: KeyStore | None = None) -> str:
        """Make the CA; gives its serial. With a `vault` its key goes there and not into the folder.

        Raises `Conflict` if there is a CA in either: it is never overwritten.
        """
        with self._folder.changing():
            key, serial, now = self._sources.new_key(), self._sources.serial(), self._sources.now()
            authority = certificates.make_ca(key, name=name, serial=serial, now=now, days=days)
            if vault is None:
                self._folder.create_ca(authority)
            else:
                self._folder.check_no_ca()
                vault.put(authority)
                self._folder.publish_ca(authority.certificate)
        log.info("pki.ca_made", serial=format(serial, "x"), days=days)
        return format(serial, "x")

    def check(self, request: LeafRequest) -> None:
        """Raise what `issue` would raise, before anybody is asked for a password."""
        certificates.check_name(request.name)
        self._folder.authority()
        last = certificates.newest_by_name(self._folder.index()).get(request.name)
        if last is not None and self._standing(last) not in REMOVED:
            raise Conflict(
                f"{request.name} has a certificate",
                hint=f"renew it, or revoke it first: {last.serial}",
            )
        if last is None and self._folder.has_files(request.name):
            raise Conflict(
                f"files of {request.name} are there that the index does not know",
                hint="move them away",
            )

    def issue(self, request: LeafRequest, p12_password: str | None = None) -> IssuedCertificate:
        """Issue a certificate under a new name, or one whose last certificate has expired or was revoked."""
        with self._folder.changing():
            self.check(request)
            return self._sign(request, p12_password)

    def renew(
        self, names: Sequence[str], *, force: bool = False, p12_password: str | None = None
    ) -> list[RenewalResult]:
        """New key and certificate for each name (all names if none is given) that is past two thirds of its life, or forced.

        Raises `NotFound` or `Conflict` for a named certificate that was never issued or was revoked.
        """
        with self._folder.changing():
            latest = certificates.newest_by_name(self._folder.index())
            for name in names:
                self._check_renewable(name, latest.get(name))
            lines = [latest[name] for name in names] if names else list(latest.values())
            return [self._renew(line, p12_password, force=force) for line in lines]

    def ensure(
        self, leaves: Sequence[LeafRequest], parts: Mapping[str, str] | None = None
    ) -> list[RenewalResult]:
        """See to it that each of these certificates is there, says what is asked for, and is not near its end.

        Those that `parts` names lie in the folder of that part, with the CA's certificate and the deny list, and with nobody else's
        key. Whatever is right stays as it is, so that it can be called at any time.

        Raises `InvalidInput` for a name that comes twice, or cannot be one.
        """
        names = [leaf.name for leaf in leaves]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidInput(
                f"{', '.join(twice)}: asked for twice",
                hint="give each name one role and all its SANs at once",
            )
        for name in (*names, *(parts or {}).values()):
            certificates.check_name(name)
        with self._folder.changing():
            authority = self._folder.authority()
            self._folder.arrange(parts or {})
            self._folder.publish_ca(authority.certificate)
            latest, denied = (
                certificates.newest_by_name(self._folder.index()),
                self._folder.denied(),
            )
            done = [self._ensure(leaf, latest.get(leaf.name), denied) for leaf in leaves]
            latest = certificates.newest_by_name(self._folder.index())
        now = self._sources.now()
        ends = {CA_NAME: authority.certificate.not_valid_after_utc} | {
            name: latest[name].not_after for name in names
        }
        for name, end in ends.items():
            log.info("pki.standing", name=name, days=certificates.days_left(end, now))
        return done

    def revoke(self, which: str) -> list[IssuedCertificate]:
        """Put a serial, or every certificate of a name that has not ended, on the deny list; gives those added."""
        with self._folder.changing():
            index, denied, now = self._folder.index(), self._folder.denied(), self._sources.now()
            found = [line for line in index if which == line.name and now < line.not_after]
            if not found:
                found = [line for line in index if line.serial == _as_serial(which)]
            if not found:
                raise NotFound(
                    f"no certificate {which!r} was issued here, or it has ended",
                    hint="see `gromit pki list`",
                )
            added = [line for line in found if line.serial not in denied]
            if added:
                self._folder.deny(
                    {
                        line.serial: f"{line.name} {line.kind}, revoked {now:%Y-%m-%d}"
                        for line in added
                    }
                )
        for line in added:
            log.info("pki.revoked", name=line.name, serial=line.serial)
        return added

    def folder_of(self, name: str) -> Path:
        """Where the files of a name lie."""
        return self._folder.folder_of(name)

    def list(self) -> list[tuple[IssuedCertificate, CertificateStatus]]:
        """Everything that was issued, newest last, and how it stands."""
        index, denied, now = self._folder.index(), self._folder.denied(), self._sources.now()
        latest = certificates.newest_by_name(index)
        return [
            (line, certificates.certificate_status(line, latest, denied, now)) for line in index
        ]

    def _standing(self, line: IssuedCertificate) -> CertificateStatus:
        return certificates.certificate_status(
            line, {line.name: line}, self._folder.denied(), self._sources.now()
        )

    def _check_renewable(self, name: str, line: IssuedCertificate | None) -> None:
        if line is None:
            raise NotFound(f"no certificate {name!r} was issued here", hint="see `gromit pki list`")
        if self._standing(line) is CertificateStatus.REVOKED:
            raise Conflict(
                f"the certificate of {name} was revoked",
                hint=f"issue a new one: gromit pki issue --name {name} …",
            )

    def _renew(
        self, line: IssuedCertificate, p12_password: str | None, *, force: bool
    ) -> RenewalResult:
        if self._standing(line) is CertificateStatus.REVOKED:
            return RenewalResult(line.name, None, "revoked")
        if not force and not certificates.is_due(line, self._sources.now()):
            return RenewalResult(line.name, None, "not due")
        has_p12 = self._folder.has_p12(line.name)
        request = LeafRequest(name=line.name, kind=line.kind, sans=line.sans, days=line.days)
        renewed = self._sign(request, p12_password if has_p12 else None)
        outdated = has_p12 and p12_password is None
        return RenewalResult(
            line.name, renewed, "renewed; its .p12 is still the old one" if outdated else "renewed"
        )

    def _ensure(
        self, leaf: LeafRequest, line: IssuedCertificate | None, denied: Container[str]
    ) -> RenewalResult:
        if line is None and self._folder.has_files(leaf.name):
            raise Conflict(
                f"files of {leaf.name} are there that the index does not know",
                hint="move them away",
            )
        reason = certificates.reason_to_issue(leaf, line, denied, self._sources.now())
        if reason is None and not self._folder.has_pair(leaf.name):
            reason = "its files are gone"
        return (
            RenewalResult(leaf.name, self._sign(leaf, None), reason)
            if reason
            else RenewalResult(leaf.name, None, "valid")
        )

    def _sign(self, request: LeafRequest, p12_password: str | None) -> IssuedCertificate:
        key, authority = self._sources.new_key(), self._folder.authority()
        certificate = certificates.issue(
            authority,
            request,
            key.public_key(),
            serial=self._sources.serial(),
            now=self._sources.now(),
        )
        line = certificates.index_line(request, certificate)
        self._folder.append(line)
        self._folder.write_leaf(request.name, certificate, key)
        if p12_password is not None:
            self._folder.write_p12(request.name, certificate, key, p12_password)
        log.info(
            "pki.issued",
            name=line.name,
            kind=str(line.kind),
            serial=line.serial,
            not_after=line.not_after.isoformat(),
        )
        return line


def _as_serial(text: str) -> str | None:
    try:
        return certificates.parse_serial(text)
    except InvalidInput:
        return None
