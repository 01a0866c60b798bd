"""Certificates of our own CA: what they say, when they are due, and the list of revoked ones.

Keys, serials and the time are arguments. A CA may sign nothing but leaves (path length 0); a leaf is for a server or for a client
and says which, and a client's carries its role in a URI SAN.
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
"""Certificates are valid from so long before they are made: clocks differ."""
SERIAL_BITS = 159
"""Random bits of a serial: positive and at most 20 octets, as RFC 5280 asks (section 4.1.2.2)."""
CA_NAME = "ca"

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_HEX = re.compile(r"[0-9a-f]+")
_DUE_AFTER = 2 / 3


class CertificateStatus(StrEnum):
    """How a certificate that was issued stands."""

    VALID = "valid"
    DUE = "due"
    """Past two thirds of its life: to be renewed."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"
    """A newer one of the same name was issued; it is still accepted until it ends."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA that can sign."""

    certificate: x509.Certificate
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRequest:
    """What a certificate is to say."""

    name: str
    kind: Kind
    sans: tuple[str, ...] = ()
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """One line of the index: what was issued."""

    name: str
    kind: Kind
    serial: str
    sans: tuple[str, ...]
    days: int
    not_before: datetime
    not_after: datetime


def check_name(name: str) -> str:
    """`name`, if files may be called so and it is a DNS name: lower-case letters, digits, `-`, `.`. Raises `InvalidInput`."""
    if (
        not _NAME.fullmatch(name)
        or not is_dns_name(name)
        or name == CA_NAME
        or name.endswith("-key")
    ):
        raise InvalidInput(
            f"{name!r} cannot name a certificate",
            hint="use up to 63 lower-case letters, digits, '-' and '.', not 'ca' and no '-key' at the end",
        )
    return name


def is_dns_name(text: str) -> bool:
    """Whether `text` can be a DNS name in a certificate; its first label may be `*`."""
    labels = text.removeprefix("*.").split(".")
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def make_ca(key: Key, *, name: str, serial: int, now: datetime, days: int) -> CertificateAuthority:
    """A self-signed CA whose path length is 0."""
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


def issue(
    authority: CertificateAuthority,
    request: LeafRequest,
    key: ec.EllipticCurvePublicKey,
    *,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """A certificate for `key`, which ends with the CA at the latest. Raises `InvalidInput` or `TrustError` (the CA is over)."""
    ca_end = authority.certificate.not_valid_after_utc
    if now >= ca_end:
        raise TrustError(
            f"the CA expired on {ca_end:%Y-%m-%d}",
            hint="make a new one in another folder and distribute it",
        )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, check_name(request.name))])
    purpose = (
        ExtendedKeyUsageOID.SERVER_AUTH
        if request.kind == "server"
        else ExtendedKeyUsageOID.CLIENT_AUTH
    )
    issuer_key = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
    return (
        _builder(subject, authority.certificate.subject, key, serial)
        .not_valid_before(max(now - SKEW, authority.certificate.not_valid_before_utc))
        .not_valid_after(min(now + timedelta(days=request.days), ca_end))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(request)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )


def index_line(request: LeafRequest, certificate: x509.Certificate) -> IssuedCertificate:
    """What the index keeps of a certificate."""
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
    """Whether two thirds of its life are over."""
    return now >= line.not_before + (line.not_after - line.not_before) * _DUE_AFTER


def newest_by_name(index: Iterable[IssuedCertificate]) -> Mapping[str, IssuedCertificate]:
    """The certificate that each name has now: the last one issued."""
    return {line.name: line for line in index}


def certificate_status(
    line: IssuedCertificate,
    latest: Mapping[str, IssuedCertificate],
    denied: Container[str],
    now: datetime,
) -> CertificateStatus:
    """How one certificate of the index stands; `latest` is what `newest_by_name` gives."""
    if line.serial in denied:
        return CertificateStatus.REVOKED
    if now >= line.not_after:
        return CertificateStatus.EXPIRED
    if latest[line.name] != line:
        return CertificateStatus.REPLACED
    return CertificateStatus.DUE if is_due(line, now) else CertificateStatus.VALID


def reason_to_issue(
    request: LeafRequest, line: IssuedCertificate | None, denied: Container[str], now: datetime
) -> str | None:
    """Why a certificate that there has to be is to be issued now; None if the one that there is serves.

    | the newest one            | reason  |
    |---------------------------|---------|
    | there is none             | missing |
    | is on the deny list       | revoked |
    | says another role or SANs | changed |
    | is past 2/3 of its life   | due     |
    """
    if line is None:
        return "missing"
    if line.serial in denied:
        return "revoked"
    if (line.kind, line.sans) != (request.kind, request.sans):
        return "changed"
    return "due" if is_due(line, now) else None


def days_left(end: datetime, now: datetime) -> int:
    """Whole days until `end`; negative once it is over."""
    return (end - now) // timedelta(days=1)


def parse_serial(text: str) -> str:
    """A serial as we write it: hex, lower case, no leading zeros; `0x` and colons are taken off. Raises `InvalidInput`."""
    digits = text.strip().lower().removeprefix("0x").replace(":", "")
    if not _HEX.fullmatch(digits):
        raise InvalidInput(
            f"{text[:80]!r} is not a serial", hint="write it in hex, as `gromit pki list` shows it"
        )
    return digits.lstrip("0") or "0"


def parse_denylist(text: str) -> frozenset[str]:
    """The serials of a deny list: one a line, `#` begins a comment. Raises `TrustError` naming a line that is none."""
    serials = set()
    for number, line in enumerate(text.splitlines(), 1):
        if content := line.split("#", 1)[0].strip():
            try:
                serials.add(parse_serial(content))
            except InvalidInput as error:
                raise TrustError(
                    f"line {number} of the deny list: {error.message}",
                    hint="mend or remove that line",
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


def _alternative_names(request: LeafRequest) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    if isinstance(request.kind, Role):
        names.append(x509.UniformResourceIdentifier(role_uri(request.kind)))
    return names + [_general_name(text) for text in dict.fromkeys((request.name, *request.sans))]


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if is_dns_name(text):
            return x509.DNSName(text)
    raise InvalidInput(
        f"{text!r} is neither a DNS name nor an IP address", hint="give --san one name or address"
    )
