"""Settings as one frozen object: every group, field, default and description.

Each field's description is the reference (`docs/reference/settings.md` is compared with it). A variable is `GROMIT_` and the
field's path joined by `_`, in capitals: `serve.tls_min` is `GROMIT_SERVE_TLS_MIN`. Empty variables count as unset.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from gromit.config.values import (
    Duration,
    ListenAddress,
    NameList,
    PositiveDuration,
    Repositories,
    split,
)


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClusterSettings(_Group):
    """Where environments live and what they are called."""

    zoneid: str | None = Field(None, description="Route53 zone of the public names")
    domain: str | None = Field(None, description="domain of that zone, for example dev.example.com")
    platform: str = Field(
        "/gromit/platform",
        description="SSM parameter with the ids that environments are built from",
    )


class ServeSettings(_Group):
    """`gromit serve`, and how its clients find it."""

    listen: ListenAddress = Field("0.0.0.0:443", description="address of the mTLS API")
    health: ListenAddress = Field(
        "127.0.0.1:8080",
        description="address of health and metrics without a certificate; keep it internal",
    )
    url: str | None = Field(
        None, description="where clients of serve find it, for example https://serve.internal"
    )
    cert: str | None = Field(
        None, description="certificate of serve: PEM text or the path of a PEM file"
    )
    key: SecretStr | None = Field(
        None, description="private key of serve: PEM text or the path of a PEM file"
    )
    tls_min: Literal["1.2", "1.3"] = Field("1.3", description="lowest TLS version that is accepted")
    default_role: Literal["gateway", "worker", "operator", "viewer"] | None = Field(
        None, description="role of a certificate of our CA without a role in it; unset: refused"
    )
    denylist: Path | None = Field(
        None,
        description="file of revoked certificate serials, one a line in hex; read anew when it changes",
    )


class ClientSettings(_Group):
    """How gromit's own clients and workers show who they are."""

    cert: str | None = Field(
        None, description="client certificate: PEM text or the path of a PEM file"
    )
    key: SecretStr | None = Field(
        None, description="its private key: PEM text or the path of a PEM file"
    )


class WorkerSettings(_Group):
    """Who `gromit sow` and `gromit reap` are where the client's certificate is that of a person, as in a shell."""

    cert: str | None = Field(
        None,
        description="certificate of `gromit sow` and `gromit reap`, PEM text or a path; unset: the client's, client.cert",
    )
    key: SecretStr | None = Field(
        None, description="its private key: PEM text or the path of a PEM file"
    )


class OidcSettings(_Group):
    """Tokens of GitHub Actions at the gateway: a job shows who it is, and no secret has to be kept."""

    audience: str | None = Field(
        None,
        description="URL of the gateway, for which jobs ask their OIDC tokens; unset: such tokens are not taken",
    )
    owners: NameList = Field(
        (),
        description="owners whose repositories may report: numeric ids (a name can pass to somebody else) or names",
    )
    issuer: str = Field(
        "https://token.actions.githubusercontent.com", description="issuer of these tokens"
    )
    keys: str | None = Field(
        None,
        description="where the issuer's public keys (JWKS) lie; unset: below the issuer, .well-known/jwks",
    )

    @model_validator(mode="after")
    def _owners_are_known(self) -> Self:
        if self.audience is not None and not self.owners:
            raise ValueError("owners is empty: jobs of every repository on GitHub could report")
        return self


class GatewaySettings(_Group):
    """`gromit gateway`."""

    listen: ListenAddress = Field("0.0.0.0:8443", description="address of the gateway")
    cert: str | None = Field(
        None,
        description="certificate of the gateway's own front; unset: plain HTTP, on a loopback address or with gateway.plain",
    )
    key: SecretStr | None = Field(None, description="its private key")
    plain: bool = Field(
        default=False,
        description="plain HTTP on any address: only behind a proxy that ends TLS, as tokens are sent in clear",
    )
    tokens: Path = Field(
        Path("tokens.json"),
        description="file of token hashes, written by `gromit token new`; read anew when it changes; unneeded with gateway.oidc",
    )
    rate: int = Field(
        120,
        gt=0,
        description="requests a minute that one token, or the jobs of one repository, may make",
    )
    timeout: PositiveDuration = Field(
        timedelta(seconds=30), description="how long serve may take to answer the gateway"
    )
    oidc: OidcSettings = OidcSettings()


class EnvironmentSettings(_Group):
    """Rules for all environments."""

    protected: NameList = Field(
        ("master", "main", "release-*"),
        description="names (with * as wildcard) that are made protected",
    )


class LeaseSettings(_Group):
    """How long a worker holds a claim."""

    ttl: PositiveDuration = Field(
        timedelta(seconds=90),
        description="a claim not renewed for this long is given to somebody else",
    )
    renew: PositiveDuration = Field(
        timedelta(seconds=20),
        description="how often a worker renews its claims; at most a third of lease.ttl",
    )

    @model_validator(mode="after")
    def _outlives_lost_renewals(self) -> Self:
        if self.renew * 3 > self.ttl:
            raise ValueError(
                "renew is more than a third of ttl: one lost renewal would lose the claim"
            )
        return self


class SowSettings(_Group):
    """`gromit sow`, and what reap shares with it."""

    parallel: int | None = Field(
        None,
        gt=0,
        description="environments worked on at once; unset: 2 a core, if the memory lasts",
    )
    retry: PositiveDuration = Field(
        timedelta(seconds=30),
        description="first pause after a failure; it doubles with each further one",
    )
    retry_max: Duration = Field(timedelta(hours=6), description="longest pause after a failure")
    timeout: PositiveDuration = Field(
        timedelta(minutes=20), description="longest run of one terraform; then it is interrupted"
    )
    settle: Duration = Field(
        timedelta(minutes=10), description="how long services may take to run what was applied"
    )
    settle_poll: PositiveDuration = Field(
        timedelta(seconds=5), description="pause between two looks at services that are settling"
    )
    backstop: PositiveDuration = Field(
        timedelta(seconds=60),
        description="with --watch: look for work this often even if nothing was announced",
    )


class ReapSettings(_Group):
    """`gromit reap`."""

    grace: Duration = Field(
        timedelta(minutes=60),
        description="time between a deletion and its reaping, in which a build revives",
    )
    limit: int = Field(
        10, gt=0, description="environments that one run may destroy; with --watch: within an hour"
    )


class DnsSettings(_Group):
    """`gromit chitragupta`."""

    ttl: int = Field(10, gt=0, description="TTL of public records, in seconds")
    delete_percent: int = Field(
        30,
        ge=0,
        le=100,
        description="largest share of our records that one pass may delete unexplained",
    )
    delete_free: int = Field(
        10, ge=0, description="unexplained deletes that are always allowed in a pass"
    )
    backstop: PositiveDuration = Field(
        timedelta(seconds=60),
        description="with --watch: compare this often even if nothing was announced",
    )
    pause: Duration = Field(
        timedelta(seconds=5),
        description="with --watch: rest after each pass, however much is announced",
    )


class StateSettings(_Group):
    """Where terraform's states of environments lie."""

    bucket: str = Field("terraform-state-dev", description="S3 bucket of the states")


class TerraformSettings(_Group):
    """Which terraform is run, and how."""

    command: str = Field(
        "auto",
        description="program to run; auto: terraform or tofu from the PATH if new enough, else the embedded one; embedded",
    )
    mirror: Path | None = Field(
        None,
        description="unpacked provider mirror; unset: the embedded provider if installed, else the registry",
    )
    work: Path | None = Field(
        None,
        description="folder for what a run needs while it lasts; unset: a folder of this user among the temporary ones",
    )
    overlay: Path | None = Field(
        None,
        description="folder of *.tf files that are added to the stack (provider endpoints, for example)",
    )
    backend: NameList = Field((), description="further key=value settings of the S3 backend")
    grace: Duration = Field(
        timedelta(seconds=60),
        description="time an interrupted terraform gets to end by itself; at most 10 s less than terraform.stop_timeout",
    )
    stop_timeout: PositiveDuration = Field(
        timedelta(seconds=120),
        description="time a worker gets from SIGTERM to SIGKILL: the `stopTimeout` of its task definition (ECS: 30 s if unset)",
    )


class PkiSettings(_Group):
    """`gromit pki`."""

    dir: Path = Field(Path("pki"), description="folder of the CA and what it issued")
    ca_key: SecretStr | None = Field(
        None,
        description="private key of the CA, where it is kept out of that folder: PEM text or the path of a PEM file; the CA's "
        "certificate may stand in it too",
    )
    ca_days: int = Field(1825, gt=0, description="lifetime of a CA made by `pki init`")
    leaf_days: int = Field(30, gt=0, le=397, description="lifetime of issued certificates")


class DoctorSettings(_Group):
    """`gromit doctor`: what an installation is held against."""

    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = Field(
        None, description="AWS account in which everything is to stand; unset: not checked"
    )
    region: str | None = Field(
        None, description="AWS region in which everything is to stand; unset: not checked"
    )
    key_pair: str | None = Field(
        None, description="EC2 key pair that the bastion takes for ssh; unset: not checked"
    )
    environments: int | None = Field(
        None,
        gt=0,
        description="so many environments must fit into AWS's quotas; unset: those that exist",
    )
    quota_percent: int = Field(
        80,
        gt=0,
        le=100,
        description="a quota of which so much is used is told as wrong, in percent",
    )
    resolver: ListenAddress | None = Field(
        None,
        description="DNS server that is asked for the zone's delegation; unset: the one of this machine",
    )
    roles: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z]+=.+$")], ...], BeforeValidator(split)
    ] = Field(
        (),
        description="roles that are not called gromit-PART, each as part=name or part=ARN; parts: docs/reference/doctor.md",
    )
    terraform_cloud: str = Field(
        "https://app.terraform.io", description="where Terraform Cloud, or Enterprise, answers"
    )


class LogSettings(_Group):
    """Logs, on standard error."""

    level: Literal["trace", "debug", "info", "warn", "error"] = Field(
        "info",
        description="least severe level that is written; unset: warn for short commands, info for those that work or serve",
    )
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, JSON elsewhere"
    )


class Settings(_Group):
    """Everything that can be set."""

    tablename: str = Field("DeveloperEnvironments", description="DynamoDB table of environments")
    repos: Repositories = Field(
        None,
        description="repositories (`name` or `owner/name`) that make up an environment; unset: those of the catalogue",
    )
    registryid: str | None = Field(
        None, description="AWS account of the container registries; unset: our own"
    )
    base: str | None = Field(
        None,
        description="Terraform Cloud workspace of terraform/base, whose state `gromit doctor aws` looks at; unset: not checked",
    )
    infra: str | None = Field(
        None,
        description="Terraform Cloud workspace of terraform/infra, whose state `gromit doctor aws` looks at; unset: not checked",
    )
    ca: str | None = Field(
        None, description="certificate of our CA: PEM text or the path of a PEM file"
    )
    catalogue: Path | None = Field(None, description="catalogue file; unset: the shipped one")
    root: Path = Field(
        Path("/config"), description="root of the config tree, where a command is not given one"
    )
    cluster: ClusterSettings = ClusterSettings()
    serve: ServeSettings = ServeSettings()
    client: ClientSettings = ClientSettings()
    worker: WorkerSettings = WorkerSettings()
    gateway: GatewaySettings = GatewaySettings()
    environments: EnvironmentSettings = EnvironmentSettings()
    lease: LeaseSettings = LeaseSettings()
    sow: SowSettings = SowSettings()
    reap: ReapSettings = ReapSettings()
    dns: DnsSettings = DnsSettings()
    state: StateSettings = StateSettings()
    terraform: TerraformSettings = TerraformSettings()
    pki: PkiSettings = PkiSettings()
    doctor: DoctorSettings = DoctorSettings()
    log: LogSettings = LogSettings()
