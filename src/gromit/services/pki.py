"""gromit's own CA: create it, issue, renew, revoke and list certificates."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

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
from gromit.log import get_logger

log = get_logger(__name__)

REMOVED = frozenset({CertificateStatus.EXPIRED, CertificateStatus.REVOKED})


class PkiFolder(Protocol):
    """Folder of the CA and of the certificates it issued.

    This port is not in `ports`, because it needs types of cryptography, which other commands should
    not import.
    """

    def changing(self) -> AbstractContextManager[None]:
        """Lock the folder for changes within a `with` block."""
        ...

    def arrange(self, parts: Mapping[str, str]) -> None:
        """Assign names to folders of parts. Files of a name that are elsewhere are moved."""
        ...

    def folder_of(self, name: str) -> Path:
        """Folder of the files of a name, existing or not."""
        ...

    def create_ca(self, authority: CertificateAuthority) -> None:
        """Store a new CA. Raises `Conflict` if there is one."""
        ...

    def check_no_ca(self) -> None:
        """Raise `Conflict` if there is a CA."""
        ...

    def publish_ca(self, certificate: Certificate) -> None:
        """Write the CA's certificate, readable for all, and a copy into the folder of each part."""
        ...

    def trust_ca(self, certificate: Certificate) -> bool:
        """Add the certificate of another CA, for each part too; False if it is there."""
        ...

    def authority(self) -> CertificateAuthority:
        """Read the CA. Raises `NotFound`."""
        ...

    def index(self) -> Sequence[IssuedCertificate]:
        """All issued certificates, in order."""
        ...

    def append(self, line: IssuedCertificate) -> None:
        """Append a certificate to the index."""
        ...

    def has_files(self, name: str) -> bool:
        """Whether a name has a certificate or a key file."""
        ...

    def has_pair(self, name: str) -> bool:
        """Whether a name has both a certificate and a key file."""
        ...

    def has_p12(self, name: str) -> bool:
        """Whether a name has a PKCS#12 file."""
        ...

    def write_leaf(self, name: str, certificate: Certificate, key: Key) -> None:
        """Replace the certificate and the key of a name."""
        ...

    def write_p12(self, name: str, certificate: Certificate, key: Key, password: str) -> None:
        """Replace the PKCS#12 file of a name."""
        ...

    def denied(self) -> frozenset[str]:
        """Revoked serials."""
        ...

    def deny(self, remarks: Mapping[str, str]) -> None:
        """Revoke serials, each with a remark."""
        ...


class KeyStore(Protocol):
    """Store for the key of a new CA outside the folder."""

    def put(self, authority: CertificateAuthority) -> None:
        """Store the key. Raises `Conflict` if there is one already."""
        ...


@dataclass(frozen=True, slots=True)
class PkiInputs:
    """Sources of time and randomness."""

    now: Callable[[], datetime]
    serial: Callable[[], int]
    new_key: Callable[[], Key]


@dataclass(frozen=True, slots=True)
class RenewalResult:
    """Result of renewing one certificate."""

    name: str
    renewed: IssuedCertificate | None
    """New certificate; None if the old one stays."""
    reason: str


class Pki:
    """CA in one folder."""

    def __init__(self, folder: PkiFolder, sources: PkiInputs) -> None:
        self._folder = folder
        self._sources = sources

    def init(self, name: str, days: int, vault: KeyStore | None = None) -> str:
        """Create the CA. Return its serial. Its key goes to `vault` if given, else into the folder.

        Raises `Conflict` if either has a CA, which is never overwritten.
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
        """Raise the errors of `issue` in advance, before a person is asked for a password."""
        certificates.check_name(request.name)
        self._folder.authority()
        last = certificates.newest_by_name(self._folder.index()).get(request.name)
        if last is not None and self._status(last) not in REMOVED:
            raise Conflict(
                f"{request.name} has a certificate",
                hint=f"renew it, or revoke {last.serial} first",
            )
        if last is None:
            self._check_no_files(request.name)

    def issue(self, request: LeafRequest, p12_password: str | None = None) -> IssuedCertificate:
        """Issue a certificate for a new name, or one with only expired or revoked certificates.

        Raises `InvalidInput`, `Conflict`, or `NotFound` without a CA.
        """
        with self._folder.changing():
            self.check(request)
            return self._sign(request, p12_password)

    def renew(
        self, names: Sequence[str], *, force: bool = False, p12_password: str | None = None
    ) -> list[RenewalResult]:
        """Renew the certificates that are past two thirds of their lifetime, or all with `force`.

        `names` limits it to some names; each renewal makes a new key. Raises `NotFound` for a given
        name without a certificate, `Conflict` for one whose certificate was revoked.
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
        """Issue missing, revoked or changed certificates, and renew those that are due. Idempotent.

        `parts` maps names to parts. The folder of a part holds its certificates and keys, the CA's
        certificate and the deny list, and no key of other parts.

        Raises `InvalidInput` for a duplicate or invalid name.
        """
        parts = parts or {}
        names = [leaf.name for leaf in leaves]
        _check_names(names, parts.values())
        with self._folder.changing():
            authority = self._folder.authority()
            self._folder.arrange(parts)
            self._folder.publish_ca(authority.certificate)
            latest = certificates.newest_by_name(self._folder.index())
            denied = self._folder.denied()
            done = [self._ensure(leaf, latest.get(leaf.name), denied) for leaf in leaves]
            latest = certificates.newest_by_name(self._folder.index())
        ends = {CA_NAME: authority.certificate.not_valid_after_utc}
        ends |= {name: latest[name].not_after for name in names}
        self._log_days_left(ends)
        return done

    def trust(self, pem: bytes) -> str:
        """Let all parts accept also the certificates of another CA: the next one. Idempotent.

        Return its serial. Raises `InvalidInput` if `pem` is not a valid CA, `NotFound` without one
        in the folder.
        """
        certificate = certificates.parse_ca(pem, self._sources.now())
        serial = format(certificate.serial_number, "x")
        with self._folder.changing():
            is_new = self._folder.trust_ca(certificate)
        if is_new:
            log.info("pki.ca_trusted", serial=serial)
        return serial

    def revoke(self, which: str) -> list[IssuedCertificate]:
        """Revoke the certificate with a serial, or all unexpired ones of a name.

        Return those that were not on the deny list before. Raises `NotFound`.
        """
        with self._folder.changing():
            index, denied, now = self._folder.index(), self._folder.denied(), self._sources.now()
            found = [line for line in index if which == line.name and now < line.not_after]
            if not found:
                found = [line for line in index if line.serial == _as_serial(which)]
            if not found:
                raise NotFound(
                    f"no certificate {which!r} was issued here, or it has expired",
                    hint="run `gromit pki list`",
                )
            added = [line for line in found if line.serial not in denied]
            if added:
                date = f"{now:%Y-%m-%d}"
                self._folder.deny(
                    {line.serial: f"{line.name} {line.kind}, revoked {date}" for line in added}
                )
        for line in added:
            log.info("pki.revoked", name=line.name, serial=line.serial)
        return added

    def folder_of(self, name: str) -> Path:
        """Folder of the files of a name."""
        return self._folder.folder_of(name)

    def list(self) -> list[tuple[IssuedCertificate, CertificateStatus]]:
        """List all issued certificates with their status, the newest last."""
        index, denied, now = self._folder.index(), self._folder.denied(), self._sources.now()
        latest = certificates.newest_by_name(index)
        return [
            (line, certificates.certificate_status(line, latest, denied, now)) for line in index
        ]

    def _log_days_left(self, ends: Mapping[str, datetime]) -> None:
        now = self._sources.now()
        for name, end in ends.items():
            log.info("pki.standing", name=name, days=certificates.days_left(end, now))

    def _check_no_files(self, name: str) -> None:
        if self._folder.has_files(name):
            raise Conflict(
                f"{name} has files but no certificate in the index", hint="move the files away"
            )

    def _status(self, line: IssuedCertificate) -> CertificateStatus:
        return certificates.certificate_status(
            line, {line.name: line}, self._folder.denied(), self._sources.now()
        )

    def _check_renewable(self, name: str, line: IssuedCertificate | None) -> None:
        if line is None:
            raise NotFound(f"no certificate {name!r} was issued here", hint="run `gromit pki list`")
        if self._status(line) is CertificateStatus.REVOKED:
            raise Conflict(
                f"the certificate of {name} was revoked",
                hint=f"issue a new one: gromit pki issue --name {name} …",
            )

    def _renew(
        self, line: IssuedCertificate, p12_password: str | None, *, force: bool
    ) -> RenewalResult:
        if self._status(line) is CertificateStatus.REVOKED:
            return RenewalResult(line.name, None, "revoked")
        if not force and not certificates.is_due(line, self._sources.now()):
            return RenewalResult(line.name, None, "not due")
        has_p12 = self._folder.has_p12(line.name)
        request = LeafRequest(name=line.name, kind=line.kind, sans=line.sans, days=line.days)
        renewed = self._sign(request, p12_password if has_p12 else None)
        reason = "renewed"
        if has_p12 and p12_password is None:
            reason = "renewed; its .p12 is still the old one"
        return RenewalResult(line.name, renewed, reason)

    def _ensure(
        self, leaf: LeafRequest, line: IssuedCertificate | None, denied: Container[str]
    ) -> RenewalResult:
        if line is None:
            self._check_no_files(leaf.name)
        reason = certificates.reason_to_issue(leaf, line, denied, self._sources.now())
        if reason is None and not self._folder.has_pair(leaf.name):
            reason = "its files are gone"
        if reason is None:
            return RenewalResult(leaf.name, None, "valid")
        return RenewalResult(leaf.name, self._sign(leaf, None), reason)

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
        # The index comes first, so that a crash leaves no certificate that it does not know.
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


def _check_names(names: Sequence[str], folders: Iterable[str]) -> None:
    """Raise `InvalidInput` for a duplicate name, and for names that cannot name files."""
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(
            f"{', '.join(duplicates)}: asked for twice",
            hint="give each name one role and all its SANs at once",
        )
    for name in (*names, *folders):
        certificates.check_name(name)


def _as_serial(text: str) -> str | None:
    try:
        return certificates.parse_serial(text)
    except InvalidInput:
        return None
