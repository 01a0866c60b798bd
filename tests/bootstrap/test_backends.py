"""The AWS session, and the grace of an interrupted terraform."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from gromit.bootstrap.backends import session
from gromit.bootstrap.terraform import terraform_grace
from gromit.config.load import load_settings
from gromit.config.schema import TerraformSettings
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
