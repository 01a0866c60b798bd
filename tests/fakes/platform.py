"""A platform in memory."""

from gromit.core.stack.contract import Platform
from gromit.errors import ConfigError

PLATFORM = Platform(
    vpc_id="vpc-1",
    vpc_cidr="10.91.0.0/16",
    public_subnets=("subnet-1", "subnet-2"),
    private_subnets=("subnet-3",),
    namespace_id="ns-1",
    file_system_id="fs-1",
    execution_role_arn="arn:aws:iam::123456789012:role/devenv-execution",
    registry="123456789012.dkr.ecr.eu-central-1.amazonaws.com",
    region="eu-central-1",
    mongo="mongo.dev.example.com:27017",
)
"""Platform for tests; use `dataclasses.replace` for another one."""

EXEC_ROLE = "arn:aws:iam::123456789012:role/devenv-exec"
"""Role of a platform that lets people run programs."""


class FakePlatform:
    """The port `PlatformSource` for a given platform; None means that it was never written."""

    def __init__(self, platform: Platform | None = PLATFORM) -> None:
        self.platform = platform

    def read(self) -> Platform:
        """Return the platform."""
        if self.platform is None:
            raise ConfigError("there is no platform", hint="write one")
        return self.platform
