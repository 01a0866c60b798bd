"""The AWS session, and the grace of an interrupted terraform."""

import os
from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from botocore.awsrequest import AWSRequest

from gromit.adapters.aws.pacing import Pacer
from gromit.bootstrap.aws_session import paced_session, session
from gromit.bootstrap.terraform import terraform_grace
from gromit.config.load import load_settings
from gromit.config.schema import Settings, TerraformSettings
from gromit.errors import ConfigError


@pytest.mark.parametrize(
    ("grace", "stop_timeout", "given"),
    [
        ("60s", "120s", 60),
        ("60s", "30s", 20),
        ("115s", "120s", 110),
        ("5s", "30s", 5),
        ("60s", "4s", 0),
    ],
)
def test_an_interrupted_terraform_ends_before_its_worker_is_killed(
    grace: str, stop_timeout: str, given: int
) -> None:
    environ = {
        "HOME": "/nonexistent",
        "GROMIT_TERRAFORM_GRACE": grace,
        "GROMIT_TERRAFORM_STOP_TIMEOUT": stop_timeout,
    }
    assert terraform_grace(load_settings(environ).settings.terraform) == timedelta(seconds=given)


def test_the_defaults_fit_together() -> None:
    assert terraform_grace(TerraformSettings()) == TerraformSettings().grace


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the SDK's files of the user who runs the tests, and forget the session."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    session.cache_clear()
    yield
    session.cache_clear()


@pytest.mark.usefixtures("no_files")
def test_an_empty_region_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "")
    with pytest.raises(ConfigError, match="no AWS region is set"):
        session()


@pytest.mark.usefixtures("no_files")
def test_a_profile_that_does_not_exist_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(ConfigError, match="absent") as caught:
        session()
    assert "AWS_PROFILE" in str(caught.value.hint)


_CREATED = "request-created.ecs.ListTasks"


def _is_paced(session: boto3.Session) -> bool:
    """Whether a handler waits before the requests of clients of the session."""
    handlers = [handler for handler, _ in session.events.emit(_CREATED, request=AWSRequest())]
    return any(isinstance(getattr(handler, "__self__", None), Pacer) for handler in handlers)


@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize(
    ("variable", "is_paced"),
    [("AWS_ENDPOINT_URL", False), ("AWS_ENDPOINT_URL_ECS", False), ("AWS_REGION", True)],
)
def test_calls_are_paced_unless_they_go_to_an_endpoint_of_its_own(
    monkeypatch: pytest.MonkeyPatch, variable: str, is_paced: bool
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    if variable != "AWS_REGION":
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    made = paced_session(Settings())
    assert paced_session(Settings()) is made is session()
    assert _is_paced(made) is is_paced
