"""TLS context of gromit's servers, which follows its files, and what a client's certificate says.

Changed files make a new context. So a new certificate or key counts from the next connection on,
and open connections keep running, unless their certificate is of a CA that is trusted no more.
Files that cannot be read or do not fit together change nothing: the present context stays in use,
and the fault is logged once.
"""

import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from gromit.core.metrics.server_definitions import CERTIFICATE_EXPIRES
from gromit.core.security.roles import Role, find_role
from gromit.core.time import Millis, iso
from gromit.errors import ConfigError, TrustError
from gromit.web.server.metrics import gauge
from gromit.web.tls import (
    CertificateFiles,
    PemMaterial,
    load_material,
    log_reload_failure,
    pair_error,
)

log = structlog.get_logger(__name__)

EXPIRES = gauge(CERTIFICATE_EXPIRES)
TLS_ALERT: ContextVar[Callable[[bytes], None] | None] = ContextVar("tls_alert", default=None)
"""Callback that sends the TLS alert of a failed handshake, for connections of this context."""
EXPIRY_WARNING_MS = 24 * 3_600_000
"""A server is not ready if its certificate is valid for less than this."""
CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Cipher suites for `tls_min` 1.2; all suites of TLS 1.3 are as strong."""
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Peer:
    """Identity in a client's certificate."""

    name: str
    """Common name of the subject, or its first DNS name."""
    role: Role | None
    """None: the client has no rights."""
    serial: str
    """In hex, lower case, without leading zeros."""
    expires_ms: Millis


class DenyList(Protocol):
    """Serials of revoked certificates."""

    def denies(self, serial: str) -> bool:
        """Whether the certificate is revoked.

        Raises `TrustError` if the list cannot be read; then no client is let in.
        """
        ...


class _Handshake(ssl.SSLObject):
    """Server side of a connection; sends the client the TLS alert when the handshake fails.

    In TLS 1.3 a client regards the handshake as complete before the server has checked its
    certificate. The alert is then the only way to learn of a refusal, but event loops close the
    connection without sending it.
    """

    outgoing: ssl.MemoryBIO
    send_alert: Callable[[bytes], None] | None

    def do_handshake(self) -> None:
        """Do one step of the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.send_alert is not None and self.outgoing.pending:
                self.send_alert(self.outgoing.read())
            raise


class _ServerContext(ssl.SSLContext):
    """A context whose connections send the alert of a failed handshake to `TLS_ALERT`."""

    sslobject_class = _Handshake
    ca: str | None
    """PEM text of the CAs for clients."""

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *more: Any, **named: Any
    ) -> _Handshake:
        """Make a connection between two buffers, as the event loop does."""
        made = super().wrap_bio(incoming, outgoing, *more, **named)
        assert isinstance(made, _Handshake)  # noqa: S101 - `sslobject_class` says so
        made.outgoing, made.send_alert = outgoing, TLS_ALERT.get()
        return made


class ServerTls:
    """TLS context of a listener, and the rules by which it identifies clients."""

    def __init__(
        self,
        identity: CertificateFiles,
        *,
        tls_min: Literal["1.2", "1.3"] = "1.3",
        default_role: Role | None = None,
        denylist: DenyList | None = None,
    ) -> None:
        self.denylist = denylist
        self._identity = identity
        self._default_role = default_role
        self._tls_min = tls_min
        self._material = identity.read()
        self.context, leaf = self._build(self._material)
        self._expires_ms = _expires_ms(leaf)
        self._fault = ""
        EXPIRES.set(leaf.not_valid_after_utc.timestamp())

    def refresh(self) -> bool:
        """Load changed files; return True if usable new files were loaded.

        Sessions of TLS 1.2 end with their context, so that none outlives the CA that allowed it.
        """
        try:
            material = self._identity.read()
            if material == self._material:
                return False
            self.context, leaf = self._build(material)
        except ConfigError as error:
            log_reload_failure(error, self._fault)
            self._fault = error.message
            return False
        self._material, self._fault = material, ""
        self._expires_ms = _expires_ms(leaf)
        EXPIRES.set(leaf.not_valid_after_utc.timestamp())
        log.info("tls.reloaded", serial=format(leaf.serial_number, "x"))
        return True

    def ca_expires_ms(self) -> Millis | None:
        """Return the expiry of the CA for clients, the last of several; None without one."""
        if not self._material.ca:
            return None
        found = x509.load_pem_x509_certificates(self._material.ca.encode())
        return max(map(_expires_ms, found))

    def expiry_problem(self, now_ms: Millis) -> str | None:
        """Return why clients can soon not connect; None while the certificate is valid long enough.

        A renewed certificate is in use at once, so a short remainder means that its renewal fails.
        """
        left_ms = self._expires_ms - now_ms
        if left_ms >= EXPIRY_WARNING_MS:
            return None
        verb = "expires" if left_ms > 0 else "expired"
        return f"serve's certificate {verb} at {iso(self._expires_ms)}; renew it: gromit pki renew"

    def peer(self, connection: ssl.SSLObject) -> Peer | None:
        """Return the identity in the client's certificate; None if there is no certificate.

        A certificate without a role has the default role. Raises `TrustError` for a certificate
        of a CA that was replaced during the handshake.
        """
        der = connection.getpeercert(binary_form=True)
        if not der:
            return None
        if not self.trusts(connection):
            raise TrustError("the certificate is of a CA that was replaced")
        return read_peer(der, self._default_role)

    def trusts(self, connection: ssl.SSLObject) -> bool:
        """Whether the present CAs have issued the certificate of an open connection.

        OpenSSL compared it only with those of the time of its handshake.
        """
        context, der = connection.context, connection.getpeercert(binary_form=True)
        present = self.context.ca
        is_as_then = isinstance(context, _ServerContext) and context.ca == present
        if is_as_then or not der or not present:
            return True
        return any(_has_issued(ca, der) for ca in x509.load_pem_x509_certificates(present.encode()))

    def _build(self, material: PemMaterial) -> tuple[_ServerContext, x509.Certificate]:
        """Return a context of the files, and their certificate. Raises `ConfigError`."""
        try:
            leaf = x509.load_pem_x509_certificate(material.cert.encode())
        except ValueError as error:
            raise pair_error(error) from None
        context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.ca = material.ca
        context.minimum_version = _VERSIONS[self._tls_min]
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0  # a resumed session is not checked against the present CA
        context.set_ciphers(CIPHERS_1_2)
        context.set_alpn_protocols(["http/1.1"])
        if material.ca:
            context.verify_mode = ssl.CERT_REQUIRED
        load_material(context, material)
        return context, leaf


def _has_issued(ca: x509.Certificate, der: bytes) -> bool:
    try:
        x509.load_der_x509_certificate(der).verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _expires_ms(certificate: x509.Certificate) -> Millis:
    return Millis(int(certificate.not_valid_after_utc.timestamp() * 1000))


def read_peer(der: bytes, default_role: Role | None = None) -> Peer:
    """Return the identity in a certificate (DER); an unknown role counts as no role.

    Raises `TrustError` if the certificate cannot be parsed.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        uris, names = _alternative_names(certificate)
        subjects = [
            str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise TrustError("the client's certificate cannot be parsed") from error
    name = next(iter([*subjects, *names]), "")
    serial = format(certificate.serial_number, "x")
    try:
        role = find_role(uris) or default_role
    except TrustError as error:
        log.warning("tls.role_refused", peer=name, serial=serial, error=error.message)
        role = None
    return Peer(name, role, serial, _expires_ms(certificate))


def _alternative_names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    """Return the URIs and the DNS names in a certificate."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris, names.get_values_for_type(x509.DNSName)
