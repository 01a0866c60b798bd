"""Sessions of ECS Exec: the request, and what becomes of AWS's refusals."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from gromit.adapters.aws.exec_session import ExecSession, SessionTarget, open_session
from gromit.errors import Conflict, Denied, GromitError, Temporary

TARGET = SessionTarget("app-test", "0a1b", "tyk", "0a1b-1", "eu-central-1")
SESSION = {"sessionId": "s", "streamUrl": "wss://x", "tokenValue": "canary-token"}
REQUEST = {
    "cluster": "app-test",
    "task": "0a1b",
    "container": "tyk",
    "command": "sh -c 'a b'",
    "interactive": True,
}


@pytest.fixture(scope="module")
def client() -> Any:
    return boto3.client("ecs", "eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")


def test_a_session_is_asked_for_as_the_person(client: Any) -> None:
    with Stubber(client) as aws:
        aws.add_response("execute_command", {"session": SESSION}, REQUEST)
        opened = open_session(client, TARGET, "sh -c 'a b'")
    assert opened == ExecSession("s", "wss://x", "canary-token")
    assert "canary" not in repr(opened)
    assert TARGET.name == "ecs:app-test_0a1b_0a1b-1"


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        ("TargetNotConnectedException", Conflict, "try again"),
        ("InvalidParameterException", Conflict, "try again"),
        ("AccessDeniedException", Denied, "ecs:ExecuteCommand"),
        ("ExpiredTokenException", Denied, "ecs:ExecuteCommand"),
        ("ServerException", Temporary, "later"),
    ],
)
def test_a_refusal_names_the_remedy(
    client: Any, code: str, kind: type[GromitError], hint: str
) -> None:
    with Stubber(client) as aws:
        for _ in range(3):
            aws.add_client_error("execute_command", code, "no")
        with pytest.raises(kind) as refused:
            open_session(client, TARGET, "sh")
    assert hint in str(refused.value.hint)


def test_a_session_without_a_token_is_none(client: Any) -> None:
    with Stubber(client) as aws:
        aws.add_response("execute_command", {"session": {"sessionId": "s"}})
        with pytest.raises(Temporary):
            open_session(client, TARGET, "sh")
