"""Named secrets of the catalogue in a local cloud."""

from collections.abc import Iterator

import boto3
import pytest

from gromit.adapters.catalogue.file import load_catalogue
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.secrets import NamedSecret, SecretOrigin
from gromit.local.aws.emulator import Emulator
from gromit.local.cloud.platform import EmulatedAccount
from gromit.local.cloud.secrets import make_secrets


@pytest.fixture
def account() -> Iterator[EmulatedAccount]:
    with Emulator() as emulator:
        session = boto3.Session("local", "local", region_name="eu-central-1")
        yield EmulatedAccount(session, emulator.url)


def values(account: EmulatedAccount) -> dict[str, str]:
    manager = account.client("secretsmanager")
    names = [secret["Name"] for secret in manager.list_secrets()["SecretList"]]
    return {name: manager.get_secret_value(SecretId=name)["SecretString"] for name in names}


def test_all_differ_and_stay_as_they_are(account: EmulatedAccount) -> None:
    catalogue, manager = load_catalogue(), account.client("secretsmanager")
    make_secrets(manager, catalogue)
    first = values(account)
    make_secrets(manager, catalogue)
    assert values(account) == first
    assert set(first) == {secret.path for secret in catalogue.secrets.values()}
    assert len(first) == len(set(first.values())) > 1
    assert min(map(len, first.values())) >= 32


def test_a_secret_with_an_arn_is_the_users(account: EmulatedAccount) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mine-AbCdEf"
    own = NamedSecret(name="mine", made=SecretOrigin.RANDOM, arn=arn)
    make_secrets(account.client("secretsmanager"), Catalogue({}, secrets={"mine": own}))
    assert values(account) == {}
