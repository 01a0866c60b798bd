"""What guards serve: the CA, the tokens, the gateway."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

from typing import TYPE_CHECKING

from gromit.bootstrap.backends import session
from gromit.bootstrap.machine import now_ms, require_setting
from gromit.core.security.loopback import is_loopback
from gromit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from gromit.adapters.security.token_file import TokenFile
    from gromit.config.schema import Settings
    from gromit.services.pki import KeyStore, Pki
    from gromit.services.tokens import Tokens
    from gromit.web.gateway.job_tokens import JobTokenVerifier
    from gromit.web.server.server import Server
    from gromit.web.server.tls import ServerTls


def pki(settings: "Settings") -> "Pki":
    """The CA of `pki.dir`."""
    import secrets
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives.asymmetric import ec

    from gromit.adapters.security.pki_files import PkiFiles
    from gromit.core.security.certificates import SERIAL_BITS
    from gromit.services.pki import Pki, PkiInputs
    from gromit.web.tls import read_pem

    key = settings.pki.ca_key
    sources = PkiInputs(
        now=lambda: datetime.now(UTC).replace(microsecond=0),
        serial=lambda: secrets.randbits(SERIAL_BITS) or 1,
        new_key=lambda: ec.generate_private_key(ec.SECP256R1()),
    )
    pem = read_pem(key.get_secret_value(), "key of the CA") if key else None
    return Pki(PkiFiles(settings.pki.dir, settings.serve.denylist, pem), sources)


def key_store(file: "Path | None", secret: str | None) -> "KeyStore | None":
    """Where the key of a new CA is to go: a new file, a secret of Secrets Manager by name or ARN, or (None) the CA's folder."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.security.ca_key import KeyFile, KeySecret

    if file is not None:
        return KeyFile(file)
    return (
        KeySecret(session().client("secretsmanager", config=aws.CLIENT), secret)
        if secret is not None
        else None
    )


def tokens(settings: "Settings") -> "Tokens":
    """The tokens of the file `gateway.tokens`."""
    import secrets

    from gromit.core.security.tokens import SECRET_BYTES
    from gromit.services.tokens import TokenInputs, Tokens

    sources = TokenInputs(
        now_ms, lambda: secrets.token_bytes(SECRET_BYTES), lambda: secrets.token_hex(4)
    )
    return Tokens(_token_file(settings), sources)


def gateway_server(settings: "Settings") -> "Server":
    """`gromit gateway`: its front, and its way to serve. Raises `ConfigError` if anything that it needs is missing."""
    from gromit.web.gateway.app import GatewayDeps, build_gateway, with_access_log
    from gromit.web.gateway.upstream import Upstream, upstream_client
    from gromit.web.server.limits import RateLimit
    from gromit.web.server.server import Listener, Server
    from gromit.web.tls import CertificateFiles, ClientTls

    front = settings.gateway
    _token_file(settings).entries()  # a gateway without tokens says so at once
    key = require_setting(settings.client.key, "client.key").get_secret_value()
    tls = ClientTls(
        CertificateFiles(
            require_setting(settings.client.cert, "client.cert"),
            key,
            require_setting(settings.ca, "ca"),
        )
    )
    upstream = Upstream(
        upstream_client(require_setting(settings.serve.url, "serve.url"), tls), front.timeout
    )
    rate, jobs = RateLimit(front.rate), _job_tokens(settings)
    app = build_gateway(GatewayDeps(tokens(settings).recognise, upstream, rate, now_ms, jobs))
    return Server(Listener(app, front.listen, _front_tls(settings), around=with_access_log(now_ms)))


def _token_file(settings: "Settings") -> "TokenFile":
    """The file of tokens; where jobs show OIDC tokens, there need not be any other."""
    from gromit.adapters.security.token_file import TokenFile

    return TokenFile(
        settings.gateway.tokens, may_be_absent=settings.gateway.oidc.audience is not None
    )


def _job_tokens(settings: "Settings") -> "JobTokenVerifier | None":
    """Who knows the OIDC tokens of jobs; None where they are not taken. Raises `ConfigError`."""
    from gromit.core.security.oidc import oidc_policy
    from gromit.web.gateway import issuer
    from gromit.web.gateway.job_tokens import JobTokenVerifier

    oidc = settings.gateway.oidc
    if oidc.audience is None:
        return None
    keys = issuer.IssuerKeyCache(
        issuer.issuer_client(), issuer.keys_url(oidc.issuer, oidc.keys), now_ms
    )
    return JobTokenVerifier(keys, oidc_policy(oidc.issuer, oidc.audience, oidc.owners), now_ms)


def _front_tls(settings: "Settings") -> "ServerTls | None":
    """The gateway's own certificate; its clients need none, and may be older than ours."""
    from gromit.web.server.tls import ServerTls
    from gromit.web.tls import CertificateFiles

    front = settings.gateway
    if front.cert is None and front.key is None:
        if not front.plain and not is_loopback(front.listen.rpartition(":")[0].strip("[]")):
            raise ConfigError(
                f"the gateway would take tokens in clear on {front.listen}",
                hint="set gateway.cert and gateway.key, or listen on 127.0.0.1, "
                "or set gateway.plain behind a proxy that terminates TLS",
            )
        return None
    key = require_setting(front.key, "gateway.key").get_secret_value()
    return ServerTls(
        CertificateFiles(require_setting(front.cert, "gateway.cert"), key), tls_min="1.2"
    )
