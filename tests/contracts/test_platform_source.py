"""The port `PlatformSource`: the fake, and the SSM parameter."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.core.stack.contract import Platform
from gromit.errors import ConfigError
from gromit.ports import PlatformSource
from tests.fakes.platform import PLATFORM, FakePlatform

NAME = "/gromit/platform"
Make = Callable[[Platform | None], PlatformSource]


def _parameter(platform: Platform | None) -> PlatformSource:
    client = boto3.client("ssm", region_name="eu-central-1")
    if platform is not None:
        client.put_parameter(Name=NAME, Type="String", Value=json.dumps(asdict(platform)))
    return PlatformParameter(client, NAME)


@pytest.fixture(params=["fake", "parameter"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    if request.param == "fake":
        yield FakePlatform
        return
    with mock_aws():
        yield _parameter


def test_what_was_written_is_read(make: Make) -> None:
    assert make(PLATFORM).read() == PLATFORM


def test_a_platform_that_was_never_written_is_a_matter_of_configuration(make: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        make(None).read()
    assert caught.value.hint
