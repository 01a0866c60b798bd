"""A CA for tests, and certificates good and bad, written as files."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gromit.core.security import certificates
from gromit.core.security.certificates import CertificateAuthority, Key, Kind, LeafRequest

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Files:
    """A certificate and its key as files, and the CA that made it."""

    cert: str
    key: str
    ca: str
    serial: str


def now() -> datetime:
    """The time, in whole seconds as certificates have it."""
    return datetime.now(UTC).replace(microsecond=0)


def new_key() -> Key:
    """A P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key) -> bytes:
    """A key as PEM, without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class TestCa:
    """A CA in a folder."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "test") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.authority: CertificateAuthority = certificates.make_ca(
            new_key(),
            name=name,
            serial=secrets.randbits(159),
            now=now() - timedelta(days=30),
            days=60,
        )
        self.path = folder / f"{name}-ca.pem"
        self.path.write_bytes(self.authority.certificate.public_bytes(Encoding.PEM))

    def leaf(
        self,
        name: str,
        kind: Kind,
        *,
        at: datetime | None = None,
        days: int = 1,
        file: str | None = None,
    ) -> Files:
        """A certificate as `gromit pki issue` makes it, issued at a time of choice."""
        key = new_key()
        request = LeafRequest(
            name=name, kind=kind, sans=LOOPBACK if kind == "server" else (), days=days
        )
        serial = secrets.randbits(159)
        certificate = certificates.issue(
            self.authority, request, key.public_key(), serial=serial, now=at or now()
        )
        return self.write(file or name, certificate, key)

    def bare(self, name: str, uris: tuple[str, ...] = ()) -> Files:
        """A client certificate of this CA with exactly these URIs and no DNS name."""
        key = new_key()
        builder = _builder(name, self.authority.certificate.subject, key)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        if uris:
            names = x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(uri) for uri in uris]
            )
            builder = builder.add_extension(names, critical=False)
        return self.write(name, builder.sign(self.authority.key, hashes.SHA256()), key)

    def self_signed(self, name: str) -> Files:
        """A client certificate that no CA has signed."""
        key = new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier("gromit://role/operator")]
        )
        certificate = (
            _builder(name, subject, key)
            .add_extension(names, critical=False)
            .sign(key, hashes.SHA256())
        )
        return self.write(name, certificate, key)

    def write(self, file: str, certificate: x509.Certificate, key: Key) -> Files:
        """Write both files, the later ones over the earlier ones."""
        cert_path, key_path = self.folder / f"{file}.pem", self.folder / f"{file}-key.pem"
        key_path.write_bytes(key_pem(key))
        cert_path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return Files(
            str(cert_path), str(key_path), str(self.path), format(certificate.serial_number, "x")
        )


def _builder(name: str, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(159))
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(hours=1))
    )
