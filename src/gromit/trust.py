"""The composition root of what guards serve: the CA, the tokens, the gateway. Like `bootstrap`, it may read clock and chance."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gromit.config import Settings
    from gromit.services.pki import Pki
    from gromit.services.tokens import Tokens


def pki(settings: "Settings") -> "Pki":
    """The CA of `pki.dir`."""
    import secrets
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives.asymmetric import ec

    from gromit.adapters.pki_files import PkiFiles
    from gromit.core.certificates import SERIAL_BITS
    from gromit.services.pki import Pki, Sources

    sources = Sources(
        now=lambda: datetime.now(UTC).replace(microsecond=0),
        serial=lambda: secrets.randbits(SERIAL_BITS) or 1,
        new_key=lambda: ec.generate_private_key(ec.SECP256R1()),
    )
    return Pki(PkiFiles(settings.pki.dir, settings.serve.denylist), sources)


def tokens(settings: "Settings") -> "Tokens":
    """The tokens of the file `gateway.tokens`."""
    import secrets

    from gromit.adapters.token_file import TokenFile
    from gromit.bootstrap import now_ms
    from gromit.core.tokens import SECRET_BYTES
    from gromit.services.tokens import Sources, Tokens

    sources = Sources(now_ms, lambda: secrets.token_bytes(SECRET_BYTES), lambda: secrets.token_hex(4))
    return Tokens(TokenFile(settings.gateway.tokens), sources)
