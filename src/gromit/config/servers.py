"""Settings of the two servers: serve and the gateway."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from gromit.config.group import SettingsGroup, setting
from gromit.config.login import LoginSettings, OriginUrl
from gromit.config.values import (
    Duration,
    InvalidValue,
    ListenAddress,
    NameList,
    NetworkList,
    PeerNames,
    PositiveDuration,
    SecretText,
    matching,
)


class CanarySettings(SettingsGroup):
    """The canary of serve: an environment that proves progress."""

    name: Annotated[str, matching(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")] | None = setting(
        default=None,
        description="name of an environment of default branches that serve creates and redeploys "
        "at an interval, to prove that all parts make progress; unset: none",
    )
    interval: PositiveDuration = setting(
        default=timedelta(hours=1), description="time between two redeployments of the canary"
    )


class ServeSettings(SettingsGroup):
    """`gromit serve`, and its address for clients."""

    listen: ListenAddress = setting(default="0.0.0.0:443", description="address of the mTLS API")
    health: ListenAddress = setting(
        default="127.0.0.1:8080",
        description="address of health and metrics, open without a certificate; keep it internal",
    )
    url: str | None = setting(
        default=None, description="URL of serve for its clients, for example https://serve.internal"
    )
    cert: str | None = setting(
        default=None, description="certificate of serve: PEM text or path of a PEM file"
    )
    key: SecretText | None = setting(
        default=None, description="private key of serve: PEM text or path of a PEM file"
    )
    tls_min: Literal["1.2", "1.3"] = setting(
        default="1.3", description="lowest accepted TLS version"
    )
    default_role: Literal["gateway", "worker", "operator", "developer", "viewer"] | None = setting(
        default=None,
        description="role of a certificate that names none; unset: such certificates are refused",
    )
    people: Literal["none", "viewer", "developer", "operator"] = setting(
        default="developer",
        description="highest role that the gateway may give people who log in there",
    )
    denylist: Path | None = setting(
        default=None,
        description="file of revoked certificate serials, one per line in hex; "
        "read again when it changes",
    )
    peers: PeerNames = setting(
        default=(),
        description="HOST:PORT of all processes of serve on the same table, a name with the "
        "addresses of all of them, for example serve.internal:443: each one follows the changes "
        "that the others record, with client.cert; unset: there is one process",
    )
    proxies: NetworkList = setting(
        default=(),
        description="networks of the load balancer before serve, whose PROXY protocol (version 2) "
        "says the address of a client",
    )
    audit_group: str | None = setting(
        default=None,
        description="CloudWatch log group of serve's own lines, which `gromit audit` searches; "
        "unset: serve.audit_file",
    )
    audit_file: Path | None = setting(
        default=None,
        description="file with serve's own lines as JSON, which `gromit audit` searches without "
        "serve.audit_group; unset: no search",
    )
    age_interval: Duration = setting(
        default=timedelta(minutes=1),
        description="time between two log lines about the age of work, in whole minutes; each "
        "reads the table, and the alarms of terraform/infra rest on one a minute; "
        "0: no such lines, and no `work.overdue`",
    )
    canary: CanarySettings = CanarySettings()


class OidcSettings(SettingsGroup):
    """OIDC tokens of GitHub Actions at the gateway: jobs authenticate without a stored secret."""

    audience: str | None = setting(
        default=None,
        description="URL of the gateway, the audience of jobs' OIDC tokens; "
        "unset: OIDC tokens are refused",
    )
    owners: NameList = setting(
        default=(),
        description="repository owners that may report: numeric ids, or names "
        "(GitHub can give a name to another owner)",
    )
    issuer: str = setting(
        default="https://token.actions.githubusercontent.com", description="issuer of the tokens"
    )
    keys: str | None = setting(
        default=None,
        description="URL of the issuer's public keys (JWKS); unset: issuer + /.well-known/jwks",
    )

    def check(self) -> None:
        """Raise `InvalidValue` if every repository on GitHub could report."""
        if self.audience is not None and not self.owners:
            raise InvalidValue("owners is empty: jobs of every repository on GitHub could report")


class GatewaySettings(SettingsGroup):
    """`gromit gateway`."""

    listen: ListenAddress = setting(default="0.0.0.0:8443", description="address of the gateway")
    cert: str | None = setting(
        default=None,
        description="certificate of the gateway's listener; "
        "unset: plain HTTP, only on a loopback address or with gateway.plain",
    )
    key: SecretText | None = setting(default=None, description="private key of the certificate")
    plain: bool = setting(
        default=False,
        description="plain HTTP on any address; use it only behind a proxy that terminates TLS, "
        "because tokens are sent in clear",
    )
    tokens: Path = setting(
        default=Path("tokens.json"),
        description="file of token hashes, written by `gromit token new`; "
        "read again when it changes; optional with gateway.oidc",
    )
    rate: int = setting(
        default=120,
        gt=0,
        description="requests per minute that one token, or the jobs of one repository, may send",
    )
    proxies: NetworkList = setting(
        default=(),
        description="networks of the load balancer before the gateway, whose PROXY protocol "
        "(version 2) says the address of a client",
    )
    forwarders: NetworkList = setting(
        default=(),
        description="networks of HTTP proxies before the gateway, whose header X-Forwarded-For "
        "says the address of a client; never those of a proxy that passes the header on unread",
    )
    timeout: PositiveDuration = setting(
        default=timedelta(seconds=30),
        description="longest time serve may take to answer the gateway",
    )
    url: OriginUrl = setting(
        default=None,
        description="public URL of the gateway, for logins: the provider sends people back to it, "
        "and without a client certificate the command line uses it instead of serve.url",
    )
    oidc: OidcSettings = OidcSettings()
    login: LoginSettings = LoginSettings()

    def check(self) -> None:
        """Raise `InvalidValue` if the provider could not send people back."""
        if self.login.issuer is not None and self.url is None:
            raise InvalidValue(
                "login.issuer is set, but url is not: the provider could not send people back"
            )
