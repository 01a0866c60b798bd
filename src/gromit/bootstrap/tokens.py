"""`gromit token`: the tokens of the gateway."""

import secrets

from gromit.adapters.security.token_file import TokenFile
from gromit.bootstrap.machine import now_ms
from gromit.config.schema import Settings
from gromit.core.security.tokens import SECRET_BYTES
from gromit.services.tokens import TokenInputs, Tokens


def build_tokens(settings: Settings) -> Tokens:
    """Tokens of the file `gateway.tokens`."""
    sources = TokenInputs(
        now_ms, lambda: secrets.token_bytes(SECRET_BYTES), lambda: secrets.token_hex(4)
    )
    return Tokens(token_file(settings), sources)


def token_file(settings: Settings) -> TokenFile:
    """File of tokens. It may be absent where jobs show OIDC tokens."""
    return TokenFile(
        settings.gateway.tokens, may_be_absent=settings.gateway.oidc.audience is not None
    )
