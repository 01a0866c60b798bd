"""Workers as bootstrap builds them."""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from gromit.bootstrap.aws_session import session
from gromit.bootstrap.workers import WorkerCallbacks, workers
from gromit.config.load import load_settings
from gromit.core.environments.phases import Work
from gromit.core.security.roles import Role
from gromit.ports import Progress
from tests.fakes.authority import TestCa


def _progress(_name: str) -> Progress:
    return lambda _text: None


@pytest.mark.parametrize("kind", Work)
def test_a_worker_without_work_makes_the_client_of_the_states_alone(
    kind: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each client reads a model of its service, and a pass with nothing due needs only one."""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-central-1")
    files = TestCa(tmp_path / "ca").leaf("sower", Role.WORKER)
    settings = load_settings(
        {
            "GROMIT_SERVE_URL": "https://127.0.0.1:1",
            "GROMIT_CA": str(files.ca),
            "GROMIT_CLIENT_CERT": str(files.cert),
            "GROMIT_CLIENT_KEY": str(files.key),
            "GROMIT_CLUSTER_ZONEID": "Z1",
            "GROMIT_CLUSTER_DOMAIN": "dev.example.com",
            "GROMIT_TERRAFORM_WORK": str(tmp_path / "work"),
        }
    ).settings
    made: list[str] = []
    session.cache_clear()
    session().events.register(
        "creating-client-class", lambda event_name, **_: made.append(event_name.split(".")[1])
    )
    reporting = WorkerCallbacks(threading.Event(), _progress, lambda _result: None)
    with closing(workers(settings, kind, tmp_path, reporting)):
        assert made == ["s3"]
    session.cache_clear()
