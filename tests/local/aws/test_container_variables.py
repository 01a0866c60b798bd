"""Variables of simulated containers: secrets of both stores, and AWS's reason without one."""

import json
from collections.abc import Iterator

import pytest

from gromit.local.aws.container_variables import SecretUnavailable, container_variables
from gromit.local.aws.emulator import ACCOUNT, Emulator
from tests.local.conftest import REGION, client

VALUE = "never-shown"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


def variables(source: str) -> dict[str, str]:
    container = {
        "environment": [{"name": "LEVEL", "value": "info"}, {"name": "SECRET", "value": "plain"}],
        "secrets": [{"name": "SECRET", "valueFrom": source}],
    }
    return container_variables(container, ACCOUNT, REGION)


def arn(resource: str) -> str:
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{resource}"


def test_a_secret_is_read_whole_or_by_a_key_and_wins_over_a_plain_variable(
    emulator: Emulator,
) -> None:
    secrets = client(emulator.url, "secretsmanager")
    whole = secrets.create_secret(Name="whole", SecretString=VALUE)["ARN"]
    parts = secrets.create_secret(Name="parts", SecretString=json.dumps({"a": VALUE}))["ARN"]
    assert variables(whole) == {"LEVEL": "info", "SECRET": VALUE}
    assert variables(f"{parts}:a::")["SECRET"] == VALUE


def test_a_parameter_is_read_by_its_arn_and_by_its_name(emulator: Emulator) -> None:
    client(emulator.url, "ssm").put_parameter(Name="/tyk/key", Value=VALUE, Type="SecureString")
    named = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/tyk/key"
    assert [variables(source)["SECRET"] for source in (named, "/tyk/key")] == [VALUE, VALUE]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (arn("nowhere-0a1b2c"), "ResourceNotFoundException: Secrets Manager can't find the"),
        (arn("empty"), "ResourceNotFoundException: Secrets Manager can't find the"),
        (arn("parts:b::"), "did not contain json key b"),
        (arn("text:b::"), "did not contain json key b"),
        (f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/nowhere", "invalid parameters: /nowhere"),
    ],
)
def test_a_secret_without_a_value_is_unavailable_and_no_reason_shows_one(
    emulator: Emulator, source: str, reason: str
) -> None:
    secrets = client(emulator.url, "secretsmanager")
    secrets.create_secret(Name="empty")
    secrets.create_secret(Name="parts", SecretString=json.dumps({"a": VALUE}))
    secrets.create_secret(Name="text", SecretString=VALUE)
    with pytest.raises(SecretUnavailable) as caught:
        variables(source)
    assert reason in str(caught.value)
    assert VALUE not in str(caught.value)


def test_a_container_needs_no_variables(emulator: Emulator) -> None:
    assert emulator.url
    assert container_variables({}, ACCOUNT, REGION) == {}
