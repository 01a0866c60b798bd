"""Sessions in containers, with the AWS credentials of the person at this machine."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import boto3

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.exec_session import ExecSession, SessionTarget, open_session
from gromit.adapters.session_plugin import find_plugin, join_session
from gromit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ContainerSessions:
    """Opens sessions at AWS, or at a local cloud."""

    session: boto3.Session
    plugin: str | None
    """Path of AWS's program; None for a local cloud, which needs none."""

    def open(self, target: SessionTarget, command: Sequence[str]) -> ExecSession:
        """Open a session that runs a command. Raises `Denied` and `Conflict`."""
        client = self.session.client("ecs", region_name=target.region, config=aws.CLIENT)
        return open_session(client, target, shlex.join(command))

    def join(self, session: ExecSession, target: SessionTarget) -> int:
        """Join the terminal to a session at AWS; return the exit code."""
        ssm = self.session.client("ssm", region_name=target.region)
        plugin = self.plugin or find_plugin()
        return join_session(plugin, session, target, ssm.meta.endpoint_url)


def container_sessions() -> ContainerSessions:
    """Prepare sessions. Raises `ConfigError` if this machine lacks what one needs."""
    session = aws.new_session()
    if session.get_credentials() is None:
        raise ConfigError(
            "there are no AWS credentials",
            hint="use your own, for example with `aws sso login` and AWS_PROFILE; for a local"
            ' cloud: eval "$(gromit local env)", or with a login:'
            ' eval "$(gromit local env --login --aws)"',
        )
    is_local = _is_loopback(session.client("ecs", region_name="eu-central-1").meta.endpoint_url)
    return ContainerSessions(session, None if is_local else find_plugin())


def session_target(found: Mapping[str, str]) -> SessionTarget:
    """Return the container that serve has named."""
    names = ("cluster", "task", "container", "runtime", "region")
    return SessionTarget(*(str(found[name]) for name in names))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
