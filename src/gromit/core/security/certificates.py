"""Certificates of gromit's own CA: their content, their status, and the deny list.

Keys, serials and the time are arguments. A CA can sign leaves only (path length 0). A leaf is for a
server or for a client; a client's has its role in a URI SAN.
"""

import ipaddress
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gromit.core.security.roles import Role, role_uri
from gromit.errors import InvalidInput, TrustError

Key = ec.EllipticCurvePrivateKey
Kind = Role | Literal["server"]

SKEW = timedelta(minutes=5)
"""Time before its issue from which a certificate is valid, because clocks differ."""
SERIAL_BITS = 159
"""Random bits of a serial: positive and at most 20 octets (RFC 5280, section 4.1.2.2)."""
CA_NAME = "ca"

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_HEX = re.compile(r"[0-9a-f]+")
_DUE_AFTER = 2 / 3


class CertificateStatus(StrEnum):
    """Status of an issued certificate."""

    VALID = "valid"
    DUE = "due"
    """Past two thirds of its lifetime, so it should be renewed."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"
    """A newer one of the same name exists; this one is accepted until it expires."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """Certificate and key of a CA."""

    certificate: x509.Certificate
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRequest:
    """Content of a certificate to issue."""

    name: str
    kind: Kind
    sans: tuple[str, ...] = ()
    """DNS names and IP addresses besides `name`."""
    days: int
    """Lifetime in days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """Issued certificate, as one line of the index."""

    name: str
    kind: Kind
    serial: str
    sans: tuple[str, ...]
    days: int
    not_before: datetime
    not_after: datetime


def check_name(name: str) -> str:
    """Return `name` if it can name files and is a DNS name: lower-case letters, digits, `-`, `.`.

    Raises `InvalidInput` for other names.
    """
    is_reserved = name == CA_NAME or name.endswith("-key")  # files of the CA, and of keys
    if is_reserved or not _NAME.fullmatch(name) or not is_dns_name(name):
        raise InvalidInput(
            f"{name!r} cannot name a certificate",
            hint="use up to 63 lower-case letters, digits, '-' and '.';"
            " neither the name 'ca' nor '-key' at the end",
        )
    return name


def is_dns_name(text: str) -> bool:
    """Whether `text` is a DNS name for a certificate. The first label may be `*`."""
    labels = text.removeprefix("*.").split(".")
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def make_ca(key: Key, *, name: str, serial: int, now: datetime, days: int) -> CertificateAuthority:
    """Create a self-signed CA with path length 0."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = _usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        _builder(subject, subject, key.public_key(), serial)
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return CertificateAuthority(certificate, key)


def parse_ca(pem: bytes, now: datetime) -> x509.Certificate:
    """Parse the one certificate of a CA. Raises `InvalidInput` if it is none, or has expired."""
    hint = "give the ca.pem that `gromit pki init` wrote"
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound):
        raise InvalidInput("this is not the certificate of one CA", hint=hint) from None
    if not constraints.ca:
        raise InvalidInput("this certificate is not that of a CA", hint=hint)
    if now >= certificate.not_valid_after_utc:
        raise InvalidInput("this CA has expired", hint="create a new one with `gromit pki init`")
    return certificate


def issue(
    authority: CertificateAuthority,
    request: LeafRequest,
    key: ec.EllipticCurvePublicKey,
    *,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """Issue a certificate for `key` that expires no later than the CA.

    Raises `InvalidInput`, or `TrustError` if the CA has expired.
    """
    ca_end = authority.certificate.not_valid_after_utc
    if now >= ca_end:
        raise TrustError(
            f"the CA expired on {ca_end:%Y-%m-%d}",
            hint="create a new CA in another folder and distribute it",
        )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, check_name(request.name))])
    issuer_key = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
    return (
        _builder(subject, authority.certificate.subject, key, serial)
        .not_valid_before(max(now - SKEW, authority.certificate.not_valid_before_utc))
        .not_valid_after(min(now + timedelta(days=request.days), ca_end))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_purpose(request.kind)]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(request)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )


def index_line(request: LeafRequest, certificate: x509.Certificate) -> IssuedCertificate:
    """Index line of a certificate."""
    return IssuedCertificate(
        name=request.name,
        kind=request.kind,
        serial=format(certificate.serial_number, "x"),
        sans=request.sans,
        days=request.days,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def is_due(line: IssuedCertificate, now: datetime) -> bool:
    """Whether a certificate is past two thirds of its lifetime."""
    return now >= line.not_before + (line.not_after - line.not_before) * _DUE_AFTER


def newest_by_name(index: Iterable[IssuedCertificate]) -> Mapping[str, IssuedCertificate]:
    """Name to its newest certificate: the last one issued."""
    return {line.name: line for line in index}


def certificate_status(
    line: IssuedCertificate,
    latest: Mapping[str, IssuedCertificate],
    denied: Container[str],
    now: datetime,
) -> CertificateStatus:
    """Status of a certificate of the index. `latest` is the result of `newest_by_name`."""
    if line.serial in denied:
        return CertificateStatus.REVOKED
    if now >= line.not_after:
        return CertificateStatus.EXPIRED
    if latest[line.name] != line:
        return CertificateStatus.REPLACED
    if is_due(line, now):
        return CertificateStatus.DUE
    return CertificateStatus.VALID


def reason_to_issue(
    request: LeafRequest, line: IssuedCertificate | None, denied: Container[str], now: datetime
) -> str | None:
    """Reason to (re)issue a declared certificate; None if the current one is good.

    | newest certificate          | reason  |
    |-----------------------------|---------|
    | none                        | missing |
    | on the deny list            | revoked |
    | has another role or SANs    | changed |
    | past 2/3 of its lifetime    | due     |
    """
    if line is None:
        return "missing"
    if line.serial in denied:
        return "revoked"
    if (line.kind, line.sans) != (request.kind, request.sans):
        return "changed"
    if is_due(line, now):
        return "due"
    return None


def days_left(end: datetime, now: datetime) -> int:
    """Whole days until `end`; negative after it."""
    return (end - now) // timedelta(days=1)


def parse_serial(text: str) -> str:
    """Normalize a serial: hex in lower case, without leading zeros, `0x` and colons.

    Raises `InvalidInput` if `text` is not hex.
    """
    digits = text.strip().lower().removeprefix("0x").replace(":", "")
    if not _HEX.fullmatch(digits):
        raise InvalidInput(
            f"{text[:80]!r} is not a serial", hint="write it in hex, as `gromit pki list` shows it"
        )
    return digits.lstrip("0") or "0"


def parse_denylist(text: str) -> frozenset[str]:
    """Parse the serials of a deny list: one a line, `#` begins a comment.

    Raises `TrustError` with the number of an invalid line.
    """
    serials = set()
    for number, line in enumerate(text.splitlines(), 1):
        if content := line.split("#", 1)[0].strip():
            try:
                serials.add(parse_serial(content))
            except InvalidInput as error:
                raise TrustError(
                    f"line {number} of the deny list: {error.message}",
                    hint="fix or remove that line",
                ) from None
    return frozenset(serials)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, serial: int
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
    )
    return builder.add_extension(identifier, critical=False)


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _purpose(kind: Kind) -> x509.ObjectIdentifier:
    if kind == "server":
        return ExtendedKeyUsageOID.SERVER_AUTH
    return ExtendedKeyUsageOID.CLIENT_AUTH


def _alternative_names(request: LeafRequest) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    if isinstance(request.kind, Role):
        names.append(x509.UniformResourceIdentifier(role_uri(request.kind)))
    unique = dict.fromkeys((request.name, *request.sans))
    return names + [_general_name(text) for text in unique]


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if is_dns_name(text):
            return x509.DNSName(text)
    raise InvalidInput(
        f"{text!r} is neither a DNS name nor an IP address", hint="give --san one name or address"
    )
