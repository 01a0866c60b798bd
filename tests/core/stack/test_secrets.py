"""Named secrets of a catalogue."""

import pytest

from gromit.core.stack.secrets import NamedSecret, SecretOrigin, check_secret_names, is_secret_arn
from gromit.errors import ConfigError

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:licence-AbCdEf"


def _named(name: str) -> NamedSecret:
    return NamedSecret(name=name, made=SecretOrigin.RANDOM)


def test_a_named_secret_is_below_the_prefix_of_environments() -> None:
    assert _named("gateway-api").path == "gromit/environments/gateway-api"


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a" * 65, "a/b", "a\n"])
def test_a_name_that_secrets_manager_would_read_differently_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _named(name)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["gateway-secret", "a-123456", "a-b-portal"])
def test_a_name_that_ends_like_the_suffix_of_an_arn_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="six characters"):
        _named(name)


def test_arns_of_secrets_and_parameters_differ_from_names_and_values() -> None:
    assert is_secret_arn(ARN)
    assert is_secret_arn("arn:aws:ssm:eu-central-1:123456789012:parameter/licence")
    for text in ("gateway-api", "hunter2", "arn:aws:s3:::bucket", ARN.replace("123456789012", "1")):
        assert not is_secret_arn(text)


def test_a_value_in_place_of_a_name_is_refused_and_not_repeated() -> None:
    known = {"gateway-api": _named("gateway-api")}
    check_secret_names("tyk", {"A": "gateway-api", "B": ARN}, known)
    with pytest.raises(ConfigError, match="component tyk: secrets: B must be") as caught:
        check_secret_names("tyk", {"A": "gateway-api", "B": "hunter2"}, known)
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"
    assert "gateway-api" in str(caught.value.hint)
