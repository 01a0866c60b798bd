"""Key of the CA outside its folder: as PEM text, in a separate file, or in Secrets Manager.

The text also contains the CA's certificate, so that it is enough to fill an empty folder.
"""

import os
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.adapters.private_files import PRIVATE
from gromit.adapters.private_files import private_file_errors as file_work
from gromit.core.security.certificates import CertificateAuthority, Key
from gromit.errors import ConfigError, Conflict, NotFound

_HINT = (
    "use the PEM text that `gromit pki init` wrote with --key-out or --secret:"
    " a private key and the CA's certificate"
)
_CURRENT = "AWSCURRENT"


def render(authority: CertificateAuthority) -> str:
    """Render the key and the certificate of a CA as one PEM text."""
    key = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (key + authority.certificate.public_bytes(Encoding.PEM)).decode()


def parse_key(pem: bytes) -> Key:
    """Parse the key in a PEM text. Raises `ValueError` or `TypeError` unless it is an EC key."""
    key = load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("its key is not an elliptic curve key")
    return key


def parse_ca_pem(pem: str) -> tuple[Key, x509.Certificate | None]:
    """Parse the key and, if present, the certificate.

    Raises `ConfigError` that contains no part of the text.
    """
    try:
        key = parse_key(pem.encode())
        certificate = None
        if "BEGIN CERTIFICATE" in pem:
            certificate = x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, TypeError):
        raise ConfigError("the key of the CA (pki.ca_key) cannot be read", hint=_HINT) from None
    return key, certificate


def key_matches_certificate(key: Key, certificate: x509.Certificate) -> bool:
    """Whether a certificate belongs to a key."""
    return key.public_key() == certificate.public_key()


class KeyFile:
    """New file for the key, which only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, authority: CertificateAuthority) -> None:
        """Write the file. Raises `Conflict` if it exists, `ConfigError` if it cannot be written."""
        try:
            with file_work(f"write {self._path}"):
                # O_EXCL: of two processes, only one creates the file.
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                handle = os.open(self._path, flags, PRIVATE)
        except ConfigError as error:
            if isinstance(error.__cause__, FileExistsError):
                raise Conflict(
                    f"{self._path} exists",
                    hint="name a file that does not exist; a key is never overwritten",
                ) from None
            raise
        with file_work(f"write {self._path}"), os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(render(authority))
            file.flush()
            os.fsync(file.fileno())


class KeySecret:
    """Existing secret of Secrets Manager that has no value yet."""

    def __init__(self, client: Any, name: str) -> None:
        """Use a client of Secrets Manager; `name` is the name or ARN of the secret."""
        self._client = client
        self._name = name

    def put(self, authority: CertificateAuthority) -> None:
        """Write the value of the secret.

        Raises `NotFound`, `Conflict` if it has a value, `Denied`, `Temporary` or `BackendError`.
        """
        with aws_errors(f"describe the secret {self._name}"):
            versions = self._describe().get("VersionIdsToStages", {})
        if any(_CURRENT in stages for stages in versions.values()):
            raise Conflict(
                f"the secret {self._name} has a value",
                hint="use another secret; the key of a CA is never overwritten",
            )
        with aws_errors(f"write the secret {self._name}"):
            self._client.put_secret_value(SecretId=self._name, SecretString=render(authority))

    def _describe(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._client.describe_secret(SecretId=self._name)
        except self._client.exceptions.ResourceNotFoundException as error:
            hint = "create it with terraform/base; its ARN is the output `ca_key_secret_arn`"
            raise NotFound(
                f"there is no secret {self._name} ({error_code(error)})", hint=hint
            ) from None
        return found
