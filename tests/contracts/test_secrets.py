"""The port `SecretWriter`: the fake, and Secrets Manager."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from gromit.adapters.aws.secrets import ManagedSecrets
from gromit.core.stack.secrets import MISSING_SECRET, SecretStatus, is_secret_arn
from gromit.errors import Conflict, Denied, Temporary
from gromit.ports.secrets import SecretWriter
from tests.fakes.secrets import FakeSecrets

NAME, OTHER = "gromit/environments/gateway-api", "gromit/environments/portal-sessions"
FOREIGN = "arn:aws:secretsmanager:eu-central-1:210987654321:secret:foreign-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/licence"


def _client() -> Any:
    return boto3.client(
        "secretsmanager",
        region_name="eu-central-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield _client()


@pytest.fixture(params=["fake", "managed"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[], SecretWriter]]:
    if request.param == "fake":
        yield FakeSecrets
        return
    with mock_aws():
        yield lambda: ManagedSecrets(_client())


def test_a_secret_is_missing_until_it_is_written(make: Callable[[], SecretWriter]) -> None:
    secrets = make()
    assert secrets.states([NAME, OTHER]) == {NAME: MISSING_SECRET, OTHER: MISSING_SECRET}
    secrets.write(NAME, "hunter2")
    states = secrets.states([NAME, OTHER])
    assert states[OTHER] == MISSING_SECRET
    assert states[NAME].status is SecretStatus.SET
    assert is_secret_arn(states[NAME].arn)
    assert NAME in states[NAME].arn
    assert "hunter2" not in repr(states)


def test_another_value_is_another_version_of_the_same_secret(
    make: Callable[[], SecretWriter],
) -> None:
    secrets = make()
    secrets.write(NAME, "first")
    first = secrets.states([NAME])[NAME]
    assert secrets.states([NAME])[NAME] == first
    secrets.write(NAME, "second")
    second = secrets.states([NAME])[NAME]
    assert second.arn == first.arn
    assert second.version != first.version


def test_an_empty_secret_gets_its_first_value(client: Any) -> None:
    client.create_secret(Name=NAME)
    secrets = ManagedSecrets(client)
    assert secrets.states([NAME])[NAME].status is SecretStatus.EMPTY
    secrets.write(NAME, "x")
    assert secrets.states([NAME])[NAME].status is SecretStatus.SET


def test_a_deleted_secret_is_not_written(client: Any) -> None:
    secrets = ManagedSecrets(client)
    secrets.write(NAME, "x")
    client.delete_secret(SecretId=NAME)
    assert secrets.states([NAME])[NAME].status is SecretStatus.DELETED
    with pytest.raises(Conflict) as caught:
        secrets.write(NAME, "y")
    assert f"restore-secret --secret-id {NAME}" in str(caught.value.hint)


def test_a_secret_is_described_by_an_arn_with_a_key_of_its_json(client: Any) -> None:
    arn = client.create_secret(Name="own", SecretString='{"key": "x"}')["ARN"]
    states = ManagedSecrets(client).states([f"{arn}:key::", PARAMETER])
    assert states[f"{arn}:key::"].status is SecretStatus.SET
    assert states[PARAMETER].status is SecretStatus.UNKNOWN


def test_a_secret_that_gromit_may_not_look_at_is_unknown_only_if_it_has_an_arn_of_its_own() -> None:
    client = _client()
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_client_error("describe_secret", "AccessDeniedException", http_status_code=400)
        secrets = ManagedSecrets(client)
        assert secrets.states([FOREIGN])[FOREIGN].status is SecretStatus.UNKNOWN
        with pytest.raises(Denied, match=f"could not describe the secret {NAME}"):
            secrets.states([NAME])


def test_a_failure_of_secrets_manager_is_temporary() -> None:
    client = _client()
    with Stubber(client) as stub:
        stub.add_client_error("describe_secret", "InternalServiceError", http_status_code=500)
        with pytest.raises(Temporary):
            ManagedSecrets(client).states([FOREIGN])
