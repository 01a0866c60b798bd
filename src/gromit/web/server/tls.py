"""TLS of our own servers and clients: contexts that follow their files, and what a peer's certificate says.

A server's context is a front whose handshakes are handed to a context made from the newest files, so that a new certificate, key
or CA counts from the next handshake on and no open connection notices. A client's context is renewed in place. A pair that does
not fit together, or a file that cannot be read, changes nothing: the old one stays and the fault is logged once.
"""

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import structlog
from cryptography import x509
from cryptography.x509.oid import NameOID
from prometheus_client import Gauge

from gromit.core.security.roles import Role, find_role
from gromit.core.time import Millis
from gromit.errors import ConfigError, TrustError

log = structlog.get_logger(__name__)

EXPIRES = Gauge(
    "gromit_certificate_expires_timestamp_seconds", "When our own server certificate ends"
)
REFUSED = "serve may have refused the client certificate: check GROMIT_CLIENT_CERT; serve's log has tls.handshake_failed"
"""Hint for a connection that breaks before any answer: in TLS 1.3 a client hears only then that its certificate was refused."""
TLS_ALERT: ContextVar[Callable[[bytes], None] | None] = ContextVar("farewell", default=None)
"""Where the alert of a handshake goes that fails, for connections that are accepted in this context."""
CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For `tls_min` 1.2; all suites of TLS 1.3 are as strong."""
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a client's certificate names."""

    name: str
    """Common name of the subject, or its first DNS name."""
    role: Role | None
    """None: may do nothing."""
    serial: str
    """In hex, lower case, without leading zeros."""
    expires_ms: Millis


class DenyList(Protocol):
    """Serials of certificates that were revoked."""

    def denies(self, serial: str) -> bool:
        """Whether the certificate is revoked. Raises `TrustError` if the list cannot be read: then nobody is let in."""
        ...


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate (with its chain), its key, and the CA that the other side is held against: PEM text or paths."""

    cert: str
    key: str = field(repr=False)
    ca: str | None = None
    """For a server: None lets clients in without a certificate. For a client: None means the system's CAs."""

    def read(self) -> "PemMaterial":
        """The texts as they are now. Raises `ConfigError`."""
        ca = read_pem(self.ca, "CA certificate") if self.ca else None
        return PemMaterial(
            read_pem(self.cert, "certificate"), read_pem(self.key, "private key"), ca
        )


@dataclass(frozen=True, slots=True)
class PemMaterial:
    """PEM texts that belong together."""

    cert: str
    key: str = field(repr=False)
    ca: str | None


class _Handshake(ssl.SSLObject):
    """The server's side of a connection. When its handshake fails, the client is told why.

    In TLS 1.3 a client takes the handshake for done before its certificate has been looked at, so that an alert is all that it can
    learn by; but event loops close the connection without having sent it.
    """

    outgoing: ssl.MemoryBIO
    farewell: Callable[[bytes], None] | None

    def do_handshake(self) -> None:
        """One step of the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.farewell is not None and self.outgoing.pending:
                self.farewell(self.outgoing.read())
            raise


class _ServerContext(ssl.SSLContext):
    """A context whose connections know where their alerts go."""

    sslobject_class = _Handshake

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *more: Any, **named: Any
    ) -> _Handshake:
        """A connection between two buffers, as the event loop makes it."""
        made = super().wrap_bio(incoming, outgoing, *more, **named)
        assert isinstance(made, _Handshake)  # noqa: S101 - `sslobject_class` says so
        made.outgoing, made.farewell = outgoing, TLS_ALERT.get()
        return made


class ServerTls:
    """What a TLS listener needs: its context, and how clients are recognised."""

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
        self._newest = self._build(self._material)
        self._fault = ""
        self.context = self._bare(self._material)
        self.context.sni_callback = self._hand_over
        EXPIRES.set(_certificate(self._material.cert).not_valid_after_utc.timestamp())

    def refresh(self) -> bool:
        """Take over changed files; True if there was something new that is usable."""
        try:
            material = self._identity.read()
            if material == self._material:
                return False
            self._newest = self._build(material)
        except ConfigError as error:
            _complain(error, self._fault)
            self._fault = error.message
            return False
        self._material, self._fault = material, ""
        EXPIRES.set(_certificate(material.cert).not_valid_after_utc.timestamp())
        log.info("tls.reloaded", serial=format(_certificate(material.cert).serial_number, "x"))
        return True

    def peer(self, der: bytes) -> Peer:
        """Whom a verified certificate names, with the default role where it names none."""
        return read_peer(der, self._default_role)

    def _hand_over(
        self, connection: ssl.SSLObject, _name: str | None, _front: ssl.SSLContext
    ) -> None:
        connection.context = self._newest

    def _bare(self, material: PemMaterial) -> ssl.SSLContext:
        context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[self._tls_min]
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0  # a resumed session would not be checked against a new CA
        context.set_ciphers(CIPHERS_1_2)
        context.set_alpn_protocols(["http/1.1"])
        if material.ca:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _build(self, material: PemMaterial) -> ssl.SSLContext:
        context = self._bare(material)
        _load(context, material)
        return context


class ClientTls:
    """The context of our own client; its certificate and CA follow their files."""

    def __init__(self, identity: CertificateFiles) -> None:
        self._identity = identity
        self._material = identity.read()
        self._fault = ""
        self.context = self._build(self._material)

    def refresh(self) -> bool:
        """Take over changed files for new connections; True if there was something new that is usable."""
        try:
            material = self._identity.read()
            if material == self._material:
                return False
            self._build(
                material
            )  # proves that they fit together: a half-loaded context would be broken
            _load(self.context, material)
        except ConfigError as error:
            _complain(error, self._fault)
            self._fault = error.message
            return False
        self._material, self._fault = material, ""
        log.info("tls.reloaded", serial=format(_certificate(material.cert).serial_number, "x"))
        return True

    def _build(self, material: PemMaterial) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["http/1.1"])
        _load(context, material)
        if not material.ca:
            context.load_default_certs()
        return context


def read_pem(value: str, what: str) -> str:
    """PEM text: `value` itself, or what the file of that path holds. Raises `ConfigError` without quoting it."""
    if "-----BEGIN " in value:
        return value
    try:
        text = Path(value).read_text("ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not PEM text"
        name = value if len(value) < 200 and value.isprintable() else "of the settings"
        raise ConfigError(
            f"cannot read the {what} {name}: {reason}",
            hint="give PEM text or the path of a PEM file",
        ) from None
    if "-----BEGIN " not in text:
        raise ConfigError(
            f"the {what} {value} is not PEM text", hint="a PEM file has a line -----BEGIN …-----"
        )
    return text


def read_peer(der: bytes, default_role: Role | None = None) -> Peer:
    """Whom a certificate names. Raises `TrustError` if it cannot be understood; an unknown role is no role."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        uris, names = _alternative_names(certificate)
        subjects = [
            str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise TrustError("the client's certificate cannot be read") from error
    name = next(iter([*subjects, *names]), "")
    serial = format(certificate.serial_number, "x")
    try:
        role = find_role(uris) or default_role
    except TrustError as error:
        log.warning("tls.role_refused", peer=name, serial=serial, error=error.message)
        role = None
    return Peer(name, role, serial, Millis(int(certificate.not_valid_after_utc.timestamp() * 1000)))


def _alternative_names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    return names.get_values_for_type(x509.UniformResourceIdentifier), names.get_values_for_type(
        x509.DNSName
    )


def _certificate(text: str) -> x509.Certificate:
    """The first certificate of a chain: the one that the chain vouches for."""
    return x509.load_pem_x509_certificate(text.encode())


def _complain(error: ConfigError, last: str) -> None:
    if error.message != last:
        log.error("tls.reload_failed", error=error.message, hint=error.hint)


def _load(context: ssl.SSLContext, material: PemMaterial) -> None:
    try:
        _certificate(material.cert)
        with _as_file(material.cert) as cert, _as_file(material.key) as key:
            context.load_cert_chain(cert, key, password=_refuse_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.reason if isinstance(error, ssl.SSLError) else error
        fault = f"certificate and private key do not fit together ({reason})"
        raise ConfigError(
            fault, hint="give a certificate and the key it was issued for, both as PEM"
        ) from None
    if material.ca:
        try:
            context.load_verify_locations(cadata=material.ca)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(
                f"the CA certificate cannot be used: {error}",
                hint="give the CA's certificate as PEM",
            ) from None


def _refuse_password() -> str:
    raise ConfigError(
        "the private key is encrypted",
        hint="give a key without a password, readable for gromit's user alone",
    )


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path that OpenSSL can read `text` from, in memory: keys given as text never touch a disk."""
    handle = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(handle, text.encode())
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
