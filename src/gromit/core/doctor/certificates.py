"""How certificates stand: whether they can be read, chain to the CA and have their key, and for how long they are good."""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gromit.core.doctor.findings import Check, Finding, ok, wrong

LATE_AFTER = 5 / 6
"""A certificate is renewed after two thirds of its life: one that is this old is not being renewed."""

_PURPOSES = {"serve": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
_RENEW = "`gromit pki renew` makes a new one; see docs/how-to/renew-certificates.md"
_MATCH = "set the certificate and the key that were issued together"


@dataclass(frozen=True, slots=True)
class PemBundle:
    """The PEM texts of one certificate."""

    whose: str
    """`ca`, `serve` or `client`."""
    certificate: str
    key: str | None = field(default=None, repr=False)
    ca: str | None = None
    """What it has to be signed by; None: itself, or nothing that we know."""


def judge_certificate(papers: PemBundle, now: datetime) -> Finding:
    """The first thing that is wrong with a certificate, or how long it is good for."""
    try:
        certificate = x509.load_pem_x509_certificate(papers.certificate.encode())
        authorities = x509.load_pem_x509_certificates(papers.ca.encode()) if papers.ca else []
    except ValueError:
        return _wrong(
            papers,
            "the certificate, or that of the CA, cannot be read",
            "set PEM text, or the path of a PEM file",
        )
    fault = _fault(papers, certificate, authorities) or _end(certificate, now)
    if fault:
        return _wrong(papers, f"{_name(certificate)}: {fault[0]}", fault[1])
    return ok(Check.CERTIFICATE, f"{_name(certificate)}: {_left(certificate, now)}", papers.whose)


def _fault(
    papers: PemBundle, certificate: x509.Certificate, authorities: list[x509.Certificate]
) -> tuple[str, str] | None:
    if papers.whose == "ca" and not _signs(certificate):
        return "it is no certificate of a CA", "set `ca` to the ca.pem of `gromit pki`"
    if authorities and not any(_issued(certificate, ca) for ca in authorities):
        return (
            "it was not issued by the CA of the setting `ca`",
            "issue it with that CA, or set `ca` to the one it is of",
        )
    if papers.key is not None and not _fits(certificate, papers.key):
        return "the key does not fit it, or cannot be read", _MATCH
    if papers.whose in _PURPOSES and not _is_for(certificate, papers.whose):
        return (
            f"it is not for a {'server' if papers.whose == 'serve' else 'client'}",
            "issue one with the right --role",
        )
    return None


def _end(certificate: x509.Certificate, now: datetime) -> tuple[str, str] | None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < start:
        return (
            f"it is not valid before {start:%Y-%m-%d %H:%M} UTC",
            "check the clock of this machine",
        )
    if now >= end:
        return f"it ended on {end:%Y-%m-%d %H:%M} UTC", _RENEW
    if now >= start + (end - start) * LATE_AFTER:
        return f"it is not being renewed: {_left(certificate, now)}", _RENEW
    return None


def _left(certificate: x509.Certificate, now: datetime) -> str:
    end = certificate.not_valid_after_utc
    return f"good for {(end - now).days} days, until {end:%Y-%m-%d %H:%M} UTC"


def _name(certificate: x509.Certificate) -> str:
    return str(
        next(
            iter(a.value for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)),
            "without a name",
        )
    )


def _signs(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _is_for(certificate: x509.Certificate, whose: str) -> bool:
    try:
        return (
            _PURPOSES[whose]
            in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        )
    except (x509.ExtensionNotFound, ValueError):
        return False


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _fits(certificate: x509.Certificate, key: str) -> bool:
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return private.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def _wrong(papers: PemBundle, seen: str, remedy: str) -> Finding:
    return wrong(Check.CERTIFICATE, seen, remedy, papers.whose)
