"""Secrets of a local cloud: made once, for all named secrets of the catalogue."""

from typing import Any

import boto3
from moto import mock_aws

from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.secrets import NamedSecret, SecretOrigin
from gromit.local.cloud.secrets import make_secrets

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:own-AbCdEf"


def _values(client: Any) -> dict[str, str]:
    names = [secret["Name"] for secret in client.list_secrets()["SecretList"]]
    return {name: client.get_secret_value(SecretId=name)["SecretString"] for name in names}


def test_every_named_secret_gets_a_value_of_its_own_that_stays() -> None:
    shipped = catalogue_file.load_catalogue()
    own = NamedSecret(name="own", made=SecretOrigin.BOUGHT, arn=ARN)
    catalogue = Catalogue(shipped.components, secrets={**shipped.secrets, "own": own})
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="eu-central-1")
        client.create_secret(Name="gromit/environments/gateway-node")
        client.create_secret(Name="gromit/environments/sink-licence", SecretString="a real one")
        make_secrets(client, catalogue)
        made = _values(client)
        assert made.keys() == {secret.path for secret in shipped.secrets.values()}
        assert made["gromit/environments/sink-licence"] == "a real one"
        assert len(set(made.values())) == len(made)
        make_secrets(client, catalogue)
        assert _values(client) == made
