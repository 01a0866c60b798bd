"""Valid and invalid contents of the platform parameter."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from gromit.adapters.aws.platform_parameter import PlatformParameter, parse_platform
from gromit.errors import ConfigError, Denied
from tests.fakes.platform import PLATFORM

FIELDS: Mapping[str, object] = asdict(PLATFORM)
OPTIONAL = {"mongo", "installation", "exec_role_arn", "exec_components"}
REQUIRED = sorted(FIELDS.keys() - OPTIONAL)


def test_fields_that_are_not_known_are_left_alone() -> None:
    assert parse_platform(json.dumps({**FIELDS, "added_later": 1}), "/p") == PLATFORM


@pytest.mark.parametrize("fields", [{"mongo": ""}, {}])
def test_a_platform_without_mongo_is_one(fields: dict[str, object]) -> None:
    required = {name: FIELDS[name] for name in REQUIRED}
    assert parse_platform(json.dumps({**required, **fields}), "/p") == replace(PLATFORM, mongo="")


@given(st.sets(st.sampled_from(REQUIRED), min_size=1))
def test_every_missing_field_is_named(missing: set[str]) -> None:
    with pytest.raises(ConfigError, match="parameter /p is not a platform") as caught:
        parse_platform(json.dumps({k: v for k, v in FIELDS.items() if k not in missing}), "/p")
    assert {name for name in FIELDS if f"{name}: field required" in caught.value.message} == missing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vpc_id": 7}, "vpc_id: input should be a valid string"),
        ({"public_subnets": "subnet-1"}, "public_subnets: input should be a valid array"),
        ({"public_subnets": []}, "public_subnets empty"),
        ({"registry": "", "region": ""}, "registry, region empty"),
        ({"mongo": 7}, "mongo: input should be a valid string"),
        ({"mongo": "mongo.dev.example.com"}, "mongo: must be a host and a port"),
        ({"mongo": "mongodb://mongo.dev.example.com:27017"}, "mongo: must be a host and a port"),
        ({"mongo": "user:word@mongo.dev.example.com:27017"}, "mongo: must be a host and a port"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_platform(json.dumps({**FIELDS, **change}), "/p")
    assert message in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "\udcff"])
def test_what_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="parameter /p is not a platform"):
        parse_platform(text, "/p")


@pytest.mark.parametrize("ours", ["", "team-b"])
def test_the_parameter_of_another_installation_is_refused(ours: str) -> None:
    with mock_aws():
        client = boto3.client("ssm", region_name="eu-central-1")
        text = json.dumps({**FIELDS, "installation": "team-a"})
        client.put_parameter(Name="/p", Type="String", Value=text)
        with pytest.raises(ConfigError, match="/p is of the installation team-a") as raised:
            PlatformParameter(client, "/p", ours).read()
        assert "GROMIT_INSTALLATION=team-a" in str(raised.value.hint)
        assert PlatformParameter(client, "/p", "team-a").read().installation == "team-a"


def test_the_parameter_of_an_earlier_release_serves_a_named_installation() -> None:
    with mock_aws():
        client = boto3.client("ssm", region_name="eu-central-1")
        client.put_parameter(Name="/p", Type="String", Value=json.dumps(FIELDS))
        assert PlatformParameter(client, "/p", "team-a").read() == PLATFORM


def test_a_parameter_that_may_not_be_read_is_not_taken_for_a_missing_one() -> None:
    with mock_aws():
        client = boto3.client("ssm", region_name="eu-central-1")
        with Stubber(client) as stub:
            stub.add_client_error("get_parameter", "AccessDeniedException", http_status_code=400)
            with pytest.raises(Denied, match="could not read the parameter /p"):
                PlatformParameter(client, "/p").read()
