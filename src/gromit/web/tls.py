"""Certificates, keys and CAs as PEM text or files, and the TLS context of gromit's own clients.

The client's context follows its files: it loads a changed certificate, key or CA in place, for new
connections. Files that cannot be read or do not fit together change nothing: the context stays as
it is, and the fault is logged once.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gromit.errors import ConfigError
from gromit.log import get_logger

log = get_logger(__name__)

REFUSED = (
    "serve may have refused the client certificate: "
    "check GROMIT_CLIENT_CERT, and look for tls.handshake_failed in the log of serve"
)
"""Hint for a connection that breaks before any response.

In TLS 1.3 a client learns only then that the server refused its certificate.
"""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate with its chain, its key, and the CA for the other side: PEM text or paths."""

    cert: str
    key: str = field(repr=False)
    ca: str | None = None
    """None: a server asks clients for no certificate, and a client trusts the system's CAs."""

    def read(self) -> "PemMaterial":
        """Return the present texts. Raises `ConfigError` for a file that is not readable PEM."""
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


class ClientTls:
    """TLS context of a client; its certificate and CA follow their files."""

    def __init__(self, identity: CertificateFiles) -> None:
        self._identity = identity
        self._material = identity.read()
        self._fault = ""
        self.context = self._build(self._material)

    def refresh(self) -> bool:
        """Load changed files for new connections; return True if usable new files were loaded."""
        try:
            material = self._identity.read()
            if material == self._material:
                return False
            serial = certificate_serial(material.cert)
            # Try the new files in a context of their own: a half-loaded one would be broken.
            self._build(material)
            load_material(self.context, material)
        except ConfigError as error:
            log_reload_failure(error, self._fault)
            self._fault = error.message
            return False
        self._material, self._fault = material, ""
        log.info("tls.reloaded", serial=serial)
        return True

    def _build(self, material: PemMaterial) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["http/1.1"])
        load_material(context, material)
        if not material.ca:
            context.load_default_certs()
        return context


def read_pem(value: str, what: str) -> str:
    """Return `value` if it is PEM text, else the text of the file at that path.

    Raises `ConfigError` if there is no PEM text; its message never quotes the text.
    """
    if "-----BEGIN " in value:
        return value
    try:
        text = Path(value).read_text("ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not PEM text"
        # A long or unprintable value is no path, but may be a mangled key: do not show it.
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


def certificate_serial(text: str) -> str:
    """Return the serial of a chain's first certificate, in hex. Raises `ConfigError`."""
    # Imported here because it takes a tenth of a command's start, and few commands run until a
    # certificate changes.
    from cryptography import x509  # noqa: PLC0415

    try:
        return format(x509.load_pem_x509_certificate(text.encode()).serial_number, "x")
    except ValueError as error:
        raise pair_error(error) from None


def pair_error(reason: object) -> ConfigError:
    """Return the error of a certificate and key that cannot be used together."""
    return ConfigError(
        f"certificate and private key do not fit together ({reason})",
        hint="give a certificate and the key it was issued for, both as PEM",
    )


def load_material(context: ssl.SSLContext, material: PemMaterial) -> None:
    """Load the pair and the CA into a context. Raises `ConfigError` if they are not usable."""
    try:
        with _as_file(material.cert) as cert, _as_file(material.key) as key:
            context.load_cert_chain(cert, key, password=_refuse_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise pair_error(getattr(error, "reason", None) or error) from None
    if material.ca:
        try:
            context.load_verify_locations(cadata=material.ca)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(
                f"the CA certificate cannot be used: {error}",
                hint="give the CA's certificate as PEM",
            ) from None


def log_reload_failure(error: ConfigError, last: str) -> None:
    """Log why new files cannot be used, unless `last` was the same message."""
    if error.message != last:
        log.error("tls.reload_failed", error=error.message, hint=error.hint)


def _refuse_password() -> str:
    raise ConfigError(
        "the private key is encrypted",
        hint="give a key without a password, readable only by gromit's user",
    )


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Yield a path in memory from which OpenSSL reads `text`: key text never reaches a disk."""
    handle = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(handle, text.encode())
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
