"""`gromit pki`: the CA."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from gromit.adapters.security.pki_files import PkiFiles
from gromit.config.schema import Settings
from gromit.core.security.certificates import SERIAL_BITS
from gromit.services.pki import KeyStore, Pki, PkiInputs
from gromit.web.tls import read_pem


def build_pki(settings: Settings) -> Pki:
    """CA in the folder `pki.dir`."""
    key = settings.pki.ca_key
    sources = PkiInputs(
        now=lambda: datetime.now(UTC).replace(microsecond=0),
        serial=lambda: secrets.randbits(SERIAL_BITS) or 1,
        new_key=lambda: ec.generate_private_key(ec.SECP256R1()),
    )
    pem = read_pem(key.get_secret_value(), "key of the CA") if key else None
    return Pki(PkiFiles(settings.pki.dir, settings.serve.denylist, pem), sources)


def key_store(file: Path | None, secret: str | None) -> KeyStore | None:
    """Store for the key of a new CA.

    It is a new file, a secret of Secrets Manager (name or ARN), or None: the CA's own folder.
    """
    # Only these stores need boto3, which doubles the start of every other `gromit pki` command.
    from gromit.adapters.aws import client as aws  # noqa: PLC0415
    from gromit.adapters.security.ca_key import KeyFile, KeySecret  # noqa: PLC0415
    from gromit.bootstrap.aws_session import session  # noqa: PLC0415

    if file is not None:
        return KeyFile(file)
    if secret is not None:
        return KeySecret(session().client("secretsmanager", config=aws.CLIENT), secret)
    return None
