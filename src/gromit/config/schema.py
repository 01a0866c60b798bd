"""Settings as one frozen object, with their groups, defaults and descriptions.

`docs/reference/settings.md` is generated from the descriptions. The environment variable of a
setting is `GROMIT_` and its path joined by `_`, in capitals: `GROMIT_SERVE_TLS_MIN` for
`serve.tls_min`. Empty variables count as unset.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from gromit.config.aws import AwsSettings, DoctorSettings
from gromit.config.environments import EnvironmentSettings
from gromit.config.group import SettingsGroup, setting
from gromit.config.lifetime import LifetimeSettings
from gromit.config.servers import GatewaySettings, ServeSettings
from gromit.config.values import (
    Duration,
    InstallationName,
    InvalidValue,
    ListenAddress,
    NameList,
    PositiveDuration,
    Repositories,
    SecretText,
)


class ClusterSettings(SettingsGroup):
    """Location and domain of environments."""

    zoneid: str | None = setting(default=None, description="id of the Route53 zone of public names")
    domain: str | None = setting(
        default=None, description="domain of the zone, for example dev.example.com"
    )
    platform: str = setting(
        default="/gromit/platform",
        description="SSM parameter with the ids of the platform",
    )


class ClientSettings(SettingsGroup):
    """Identity of gromit's own clients and workers."""

    cert: str | None = setting(
        default=None, description="client certificate: PEM text or path of a PEM file"
    )
    key: SecretText | None = setting(
        default=None, description="private key of the certificate: PEM text or path of a PEM file"
    )
    login: Path | None = setting(
        default=None,
        description="file in which `gromit login` keeps a login, for commands without a "
        "certificate; unset: gromit/login.json in $XDG_STATE_HOME or ~/.local/state",
    )
    name_proxy: str | None = setting(
        default=None,
        description="proxy that makes public names of a local cloud work in a browser, such as "
        "localhost:8090; `gromit local env` sets it",
    )


class WorkerSettings(SettingsGroup):
    """Identity of `gromit sow` and `gromit reap`, if the client's certificate is a person's."""

    cert: str | None = setting(
        default=None,
        description="certificate of `gromit sow` and `gromit reap`: PEM text or path; "
        "unset: client.cert",
    )
    key: SecretText | None = setting(
        default=None, description="private key of the certificate: PEM text or path of a PEM file"
    )


class LeaseSettings(SettingsGroup):
    """Leases of claims."""

    ttl: PositiveDuration = setting(
        default=timedelta(seconds=90),
        description="time after which a claim that was not renewed may go to another worker",
    )
    renew: PositiveDuration = setting(
        default=timedelta(seconds=20),
        description="interval at which a worker renews its claims; at most a third of lease.ttl",
    )

    def check(self) -> None:
        """Raise `InvalidValue` if one lost renewal would lose the claim."""
        if self.renew * 3 > self.ttl:
            raise InvalidValue(
                "renew is more than a third of ttl: one lost renewal would lose the claim"
            )


class SowSettings(SettingsGroup):
    """`gromit sow`, and what reap shares with it."""

    parallel: int | None = setting(
        default=None,
        gt=0,
        description="environments processed at the same time; unset: 2 per core, if memory allows",
    )
    retry: PositiveDuration = setting(
        default=timedelta(seconds=30),
        description="first pause after a failure; it doubles with each further failure",
    )
    retry_max: Duration = setting(
        default=timedelta(hours=6), description="longest pause after a failure"
    )
    overdue: PositiveDuration = setting(
        default=timedelta(hours=48),
        description="time after which serve logs an environment that is still not sown",
    )
    timeout: PositiveDuration = setting(
        default=timedelta(minutes=20),
        description="longest run of one terraform; a longer one is interrupted",
    )
    refresh: Duration = setting(
        default=timedelta(days=1),
        description="time for which sow trusts its last full check of an environment that is ready,"
        " and applies a change without comparing everything with AWS; 0: never",
    )
    settle: Duration = setting(
        default=timedelta(minutes=10),
        description="longest time services may take to reach the applied definition",
    )
    settle_poll: PositiveDuration = setting(
        default=timedelta(seconds=5),
        description="pause between two checks of services that are settling",
    )
    backstop: PositiveDuration = setting(
        default=timedelta(seconds=60),
        description="with --watch: longest pause between passes, also if no change is announced",
    )


class ReapSettings(SettingsGroup):
    """`gromit reap`."""

    grace: Duration = setting(
        default=timedelta(minutes=60),
        description="time between a deletion and its reaping; a build revives until then",
    )
    limit: int = setting(
        default=10,
        gt=0,
        description="environments that one run may destroy; with --watch: per hour",
    )
    overdue: PositiveDuration = setting(
        default=timedelta(hours=12),
        description="time after which serve logs an environment that is still not reaped",
    )


class DnsSettings(SettingsGroup):
    """`gromit chitragupta`."""

    ttl: int = setting(default=10, gt=0, description="TTL of public records, in seconds")
    delete_percent: int = setting(
        default=30,
        ge=0,
        le=100,
        description="largest share of gromit's records that a pass may delete unexplained",
    )
    delete_free: int = setting(
        default=10,
        ge=0,
        description="number of unexplained deletes that each pass may do in any case",
    )
    backstop: PositiveDuration = setting(
        default=timedelta(seconds=60),
        description="with --watch: longest pause between passes, also if no change is announced",
    )
    pause: Duration = setting(
        default=timedelta(seconds=5),
        description="with --watch: shortest pause after each pass",
    )


class StateSettings(SettingsGroup):
    """Terraform states of environments."""

    bucket: str = setting(
        default="terraform-state-dev", description="S3 bucket of the Terraform states"
    )


class TerraformSettings(SettingsGroup):
    """The terraform program and its options."""

    command: str = setting(
        default="auto",
        description="path of the program, embedded, or auto: terraform or tofu from the PATH "
        "if new enough, else the embedded one",
    )
    mirror: Path | None = setting(
        default=None,
        description="folder of an unpacked provider mirror; "
        "unset: the embedded provider if installed, else the registry",
    )
    work: Path | None = setting(
        default=None,
        description="folder for files of running terraforms; "
        "unset: a folder of this user in the temporary folder",
    )
    overlay: Path | None = setting(
        default=None,
        description="folder of *.tf files to add to the stack, for example provider endpoints",
    )
    backend: NameList = setting(default=(), description="more key=value settings of the S3 backend")
    grace: Duration = setting(
        default=timedelta(seconds=60),
        description="time an interrupted terraform gets to end on its own; "
        "limited to 10 s less than terraform.stop_timeout",
    )
    stop_timeout: PositiveDuration = setting(
        default=timedelta(seconds=120),
        description="time a worker gets from SIGTERM to SIGKILL: the `stopTimeout` of its task "
        "definition (ECS: 30 s if unset)",
    )


class PkiSettings(SettingsGroup):
    """`gromit pki`."""

    dir: Path = setting(default=Path("pki"), description="folder of the CA and its certificates")
    ca_key: SecretText | None = setting(
        default=None,
        description="private key of the CA, if stored outside pki.dir: PEM text or path of a PEM "
        "file; it may also contain the CA's certificate",
    )
    ca_days: int = setting(
        default=1825, gt=0, description="lifetime of a CA created by `pki init`, in days"
    )
    leaf_days: int = setting(
        default=30, gt=0, le=397, description="lifetime of issued certificates, in days"
    )


class MetricsSettings(SettingsGroup):
    """Metrics of parts that have no port for health."""

    listen: ListenAddress | None = setting(
        default=None,
        description="address of the metrics of the gateway, and of `sow`, `reap` and `chitragupta` "
        "with --watch, open without a certificate; keep it internal; "
        "unset: none, and passes are metrics of serve",
    )


class LogSettings(SettingsGroup):
    """Logs, on standard error."""

    level: Literal["trace", "debug", "info", "warn", "error"] = setting(
        default="info",
        description="least severe level that is written; "
        "unset: warn for short commands, info for long-running ones",
    )
    format: Literal["auto", "json", "text"] = setting(
        default="auto", description="format of lines; auto: text on a terminal, else JSON"
    )


class Settings(SettingsGroup):
    """All settings."""

    tablename: str = setting(
        default="DeveloperEnvironments", description="DynamoDB table of environments"
    )
    repos: Repositories = setting(
        default=None,
        description="repositories (`name` or `owner/name`) of an environment; "
        "unset: those of the catalogue",
    )
    registryid: str | None = setting(
        default=None,
        description="AWS account of the container registries; unset: the account in use",
    )
    base: str | None = setting(
        default=None,
        description="Terraform Cloud workspace of terraform/base, which `gromit doctor aws` "
        "checks; unset: not checked",
    )
    infra: str | None = setting(
        default=None,
        description="Terraform Cloud workspace of terraform/infra, which `gromit doctor aws` "
        "checks; unset: not checked",
    )
    installation: InstallationName = setting(
        default="",
        description="name of this installation, which its DNS records and resources carry; "
        "empty: none, and what has no name is everyone's",
    )
    ca: str | None = setting(
        default=None, description="certificate of gromit's CA: PEM text or path of a PEM file"
    )
    catalogue: Path | None = setting(
        default=None, description="catalogue file; unset: the packaged one"
    )
    root: Path = setting(
        default=Path("/config"), description="config root, for commands that are not given one"
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
    lifetime: LifetimeSettings = LifetimeSettings()
    dns: DnsSettings = DnsSettings()
    state: StateSettings = StateSettings()
    terraform: TerraformSettings = TerraformSettings()
    pki: PkiSettings = PkiSettings()
    doctor: DoctorSettings = DoctorSettings()
    aws: AwsSettings = AwsSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
