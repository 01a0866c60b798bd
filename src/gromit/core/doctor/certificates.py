"""Findings about certificates: format, issuer, key, purpose and validity."""

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
"""Part of its lifetime after which a certificate counts as not renewed. Renewal is due at 2/3."""

_PURPOSES = {"serve": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
_KINDS = {"serve": "server", "client": "client"}
_RENEW = "renew it with `gromit pki renew`; see docs/how-to/renew-certificates.md"
_MATCH = "set the certificate and the key that were issued together"


@dataclass(frozen=True, slots=True)
class PemBundle:
    """PEM texts of one certificate."""

    subject: str
    """`ca`, `serve` or `client`."""
    certificate: str
    key: str | None = field(default=None, repr=False)
    ca: str | None = None
    """Certificates of the CA that must have issued it; None: the issuer is not checked."""


def judge_certificate(bundle: PemBundle, now: datetime) -> Finding:
    """Report the first fault of a certificate, or the time that it remains valid."""
    try:
        certificate = x509.load_pem_x509_certificate(bundle.certificate.encode())
        authorities = x509.load_pem_x509_certificates(bundle.ca.encode()) if bundle.ca else []
    except ValueError:
        return wrong(
            Check.CERTIFICATE,
            "the certificate, or that of the CA, cannot be read",
            "set PEM text, or the path of a PEM file",
            bundle.subject,
        )
    name = _name(certificate)
    if fault := _fault(bundle, certificate, authorities) or _expiry_fault(certificate, now):
        observed, remedy = fault
        return wrong(Check.CERTIFICATE, f"{name}: {observed}", remedy, bundle.subject)
    return ok(Check.CERTIFICATE, f"{name}: {_remaining(certificate, now)}", bundle.subject)


def _fault(
    bundle: PemBundle, certificate: x509.Certificate, authorities: list[x509.Certificate]
) -> tuple[str, str] | None:
    """Observation and remedy of the first fault besides validity; None if there is none."""
    if bundle.subject == "ca" and not _is_ca(certificate):
        return "not a CA certificate", "set `ca` to the ca.pem of `gromit pki`"
    if authorities and not any(_is_issued_by(certificate, ca) for ca in authorities):
        return (
            "not issued by the CA of the setting `ca`",
            "issue it with that CA, or set `ca` to the CA that issued it",
        )
    if bundle.key is not None and not _has_key(certificate, bundle.key):
        return "its private key does not match, or cannot be read", _MATCH
    if bundle.subject in _PURPOSES and not _has_purpose(certificate, bundle.subject):
        return f"not a {_KINDS[bundle.subject]} certificate", "issue one with the right --role"
    return None


def _expiry_fault(certificate: x509.Certificate, now: datetime) -> tuple[str, str] | None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < start:
        return f"not valid before {_minute(start)}", "check the clock of this machine"
    if now >= end:
        return f"expired on {_minute(end)}", _RENEW
    if now >= start + (end - start) * LATE_AFTER:
        return f"not being renewed: {_remaining(certificate, now)}", _RENEW
    return None


def _remaining(certificate: x509.Certificate, now: datetime) -> str:
    end = certificate.not_valid_after_utc
    days = (end - now).days
    return f"valid for {days} {'day' if days == 1 else 'days'}, until {_minute(end)}"


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "unnamed"


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _has_purpose(certificate: x509.Certificate, subject: str) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return _PURPOSES[subject] in usages


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _has_key(certificate: x509.Certificate, key: str) -> bool:
    """Whether the key is readable and belongs to the certificate."""
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return private.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)
