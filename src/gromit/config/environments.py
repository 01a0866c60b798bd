"""Settings of environments."""

from typing import Annotated

from gromit.config.group import SettingsGroup, setting
from gromit.config.values import NameList, items_matching


class EnvironmentSettings(SettingsGroup):
    """Rules for all environments."""

    protected: NameList = setting(
        default=("master", "main", "release-*"),
        description="names (with * as wildcard) of environments that are protected at creation, "
        "and that branches with a `/` do not get",
    )
    per_repository: int = setting(
        default=100,
        ge=0,
        description="environments that one repository may have; builds of more branches are "
        "refused; 0: no limit",
    )
    per_token: int = setting(
        default=200,
        ge=0,
        description="environments that one token of the gateway, or the jobs of one repository, "
        "may create; 0: no limit",
    )
    protected_per_developer: int = setting(
        default=5,
        ge=0,
        description="environments that one developer may protect; 0: no limit",
    )
    prices: Annotated[
        tuple[str, ...], items_matching(r"^(vcpu|gib|address)=[0-9]{1,6}(\.[0-9]{1,9})?$")
    ] = setting(
        default=(),
        description="dollars for an hour, for the costs of environments, such as vcpu=0.05: of "
        "vcpu, gib and address (a public one); unset: estimates of eu-central-1, 2026",
    )
