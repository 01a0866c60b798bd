"""The composition root: settings in, wired parts out. Here, and only here, clock, user and host are read."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gromit.adapters.config_root import ConfigTree
    from gromit.config import Settings
    from gromit.core.catalogue import Catalogue
    from gromit.ports import ImageRegistry, PlatformSource, ServiceStates


def catalogue(settings: "Settings") -> "Catalogue":
    """The components of every environment: the catalogue file, cut to `repos`. Raises `ConfigError`."""
    from gromit.adapters import catalogue_file

    return catalogue_file.load(settings.catalogue, settings.repos)


def config_root(_settings: "Settings", root: Path) -> "ConfigTree":
    """The config tree below `root`; it is not looked at before it is used."""
    from gromit.adapters.config_root import ConfigTree

    return ConfigTree(root)


def image_registry(settings: "Settings") -> "ImageRegistry":
    """The container registries of `registryid`."""
    from gromit.adapters import aws
    from gromit.adapters.ecr import EcrImages

    return EcrImages(aws.new_session().client("ecr", config=aws.CLIENT), settings.registryid)


def service_states(_settings: "Settings") -> "ServiceStates":
    """The services of environments, as ECS has them."""
    from gromit.adapters import aws
    from gromit.adapters.ecs_services import EcsServices

    return EcsServices(aws.new_session().client("ecs", config=aws.CLIENT))


def platform_source(settings: "Settings") -> "PlatformSource":
    """What environments are built on, from the SSM parameter `cluster.platform`."""
    from gromit.adapters import aws
    from gromit.adapters.platform_parameter import PlatformParameter

    return PlatformParameter(aws.new_session().client("ssm", config=aws.CLIENT), settings.cluster.platform)


def operator() -> str:
    """Who runs this process, for reasons and audits: `alice@bastion`."""
    import getpass
    import os
    import socket

    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def now_ms() -> int:
    """The clock."""
    import time

    return time.time_ns() // 1_000_000
