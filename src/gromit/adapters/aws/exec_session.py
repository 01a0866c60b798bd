"""Sessions of ECS Exec, opened with the credentials of the person who asks."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.errors import Conflict, Denied, Temporary

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient

PAGE = "docs/how-to/run-a-program-in-a-container.md"


@dataclass(frozen=True, slots=True)
class SessionTarget:
    """Container to open a session in."""

    cluster: str
    task: str
    container: str
    runtime: str
    region: str

    @property
    def name(self) -> str:
        """Name that the session's client gives the container."""
        return f"ecs:{self.cluster}_{self.task}_{self.runtime}"


@dataclass(frozen=True, slots=True)
class ExecSession:
    """An open session, which its client has to join."""

    id: str
    stream_url: str
    token: str = field(repr=False)


def open_session(client: "ECSClient", target: SessionTarget, command: str) -> ExecSession:
    """Open a session that runs a command, quoted as for a shell.

    Raises `Denied` without the permission, and `Conflict` if the container takes no program now.
    """
    errors = client.exceptions
    try:
        with aws_errors(f"run a program in {target.container} of {target.cluster}"):
            try:
                opened = client.execute_command(
                    cluster=target.cluster,
                    task=target.task,
                    container=target.container,
                    command=command,
                    interactive=True,
                )
            except (errors.TargetNotConnectedException, errors.InvalidParameterException) as error:
                raise Conflict(
                    f"AWS opens no session in {target.container}: {error}",
                    hint="the task may have stopped since: try again",
                ) from error
    except Denied as error:
        raise Denied(
            error.message, hint=f"your own AWS user or role needs ecs:ExecuteCommand: {PAGE}"
        ) from error
    session = opened["session"]
    if not {"sessionId", "streamUrl", "tokenValue"} <= session.keys():
        raise Temporary("AWS opened no whole session", hint="try again")
    return ExecSession(session["sessionId"], session["streamUrl"], session["tokenValue"])
