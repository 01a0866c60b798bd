"""Settings about AWS: what the doctor expects of an installation, and the rates of calls."""

from typing import Annotated

from gromit.config.group import SettingsGroup, setting
from gromit.config.values import ListenAddress, NameList, items_matching, matching


class DoctorSettings(SettingsGroup):
    """`gromit doctor`: expected values of an installation."""

    account: Annotated[str, matching(r"^\d{12}$")] | None = setting(
        default=None, description="expected AWS account; unset: not checked"
    )
    region: str | None = setting(
        default=None, description="expected AWS region; unset: not checked"
    )
    key_pair: str | None = setting(
        default=None, description="EC2 key pair of the bastion for ssh; unset: not checked"
    )
    environments: int | None = setting(
        default=None,
        gt=0,
        description="number of environments the quotas must allow; unset: the existing ones",
    )
    quota_percent: int = setting(
        default=80,
        gt=0,
        le=100,
        description="report a quota as wrong from this usage on, in percent",
    )
    warn_percent: int = setting(
        default=60,
        gt=0,
        le=100,
        description="warn of a capacity, such as the addresses of subnets, from this usage on, "
        "in percent",
    )
    builds: int = setting(
        default=2,
        ge=0,
        description="builds of each environment in a busy hour, from which the doctor computes "
        "the rates of calls",
    )
    resolver: ListenAddress | None = setting(
        default=None,
        description="DNS server for checking the zone's delegation; unset: this machine's resolver",
    )
    roles: Annotated[tuple[str, ...], items_matching(r"^[a-z]+=.+$")] = setting(
        default=(),
        description="roles that are not named gromit-PART, each as part=name or part=ARN; "
        "parts: docs/reference/doctor.md",
    )
    terraform_cloud: str = setting(
        default="https://app.terraform.io",
        description="URL of Terraform Cloud or Terraform Enterprise, without a path",
    )
    workspaces: NameList = setting(
        default=(),
        description="Terraform Cloud workspaces of other roots, such as backup-prod and "
        "delegation-prod, which `gromit doctor aws` checks",
    )
    report: bool = setting(
        default=False,
        description="send what the doctor finds to serve, which shows it on the page of the "
        "platform; for daily runs",
    )


class AwsSettings(SettingsGroup):
    """Calls of AWS."""

    processes: int = setting(
        default=4,
        gt=0,
        description="number of processes that share AWS's rates of calls, terraform counted as "
        "one: each takes an equal part",
    )
