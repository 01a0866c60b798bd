"""What settings become on their way to what they set."""

from datetime import timedelta

import pytest

from gromit.bootstrap.backends import session, terraform_grace
from gromit.config import Terraform, load
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
def test_an_interrupted_terraform_ends_before_its_worker_is_killed(grace: str, stop_timeout: str, given: int) -> None:
    environ = {"HOME": "/nonexistent", "GROMIT_TERRAFORM_GRACE": grace, "GROMIT_TERRAFORM_STOP_TIMEOUT": stop_timeout}
    assert terraform_grace(load(environ).settings.terraform) == timedelta(seconds=given)


def test_the_defaults_fit_together() -> None:
    assert terraform_grace(Terraform()) == Terraform().grace


def test_an_empty_region_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    session.cache_clear()
    try:
        with pytest.raises(ConfigError, match="no AWS region is set"):
            session()
    finally:
        session.cache_clear()
