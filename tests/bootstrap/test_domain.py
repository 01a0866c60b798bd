"""All parts normalize the domain of public names in the same way."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gromit.bootstrap.aws_session import session
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.cluster import clusters
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.machine import domain_if_set
from gromit.bootstrap.migrate import migration
from gromit.bootstrap.sow import sower
from gromit.bootstrap.terraform import terraform_runner
from gromit.bootstrap.worker_backends import state_bucket
from gromit.bootstrap.worker_parts import WorkerParts
from gromit.config.load import load_settings
from gromit.services.migration import Decisions
from gromit.services.pass_memory import PassMemory
from tests.fakes.platform import FakePlatform
from tests.fakes.queue import FakeQueue
from tests.fakes.secrets import FakeSecrets
from tests.web.serving import Certificates, Emulator, certificates, emulator, serving

__all__ = ["certificates", "emulator"]

WRITTEN, MEANT = "Dev.Example.com.", "dev.example.com"
SETTINGS = load_settings({"HOME": "/nonexistent", "GROMIT_CLUSTER_DOMAIN": WRITTEN}).settings
WITHOUT = load_settings({"HOME": "/nonexistent"}).settings


@pytest.fixture
def aws(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point this process at the emulator."""
    for variable, value in emulator.environ.items():
        monkeypatch.setenv(variable, value)
    session.cache_clear()
    yield
    session.cache_clear()


def test_where_no_domain_is_set_there_is_none() -> None:
    assert (domain_if_set(SETTINGS), domain_if_set(WITHOUT)) == (MEANT, None)


def test_serve_shows_urls_in_it(emulator: Emulator, certificates: Certificates) -> None:
    with serving(emulator, certificates, GROMIT_CLUSTER_DOMAIN=WRITTEN) as serve:
        serve.build("tyk", "app", "sha-1")
        made = [{"name": "tyk", "repository": "tyk", "version": "sha-1", "port": 8181}]
        assert serve.outcome(serve.claim("sow"), "done", made=made).status_code == 200
        assert serve.get("/v1/environments/app")["urls"]["tyk"] == f"http://tyk.app.{MEANT}:8181"


@pytest.mark.usefixtures("aws")
def test_sow_clusters_and_the_migration_work_in_it(tmp_path: Path) -> None:
    states = state_bucket(SETTINGS)
    with terraform_runner(SETTINGS, states) as terraform:
        tree, stop = config_root(tmp_path), threading.Event()
        memory = PassMemory(FakePlatform(), FakeSecrets(), lambda: 0.0)
        parts = WorkerParts(
            configured_catalogue(SETTINGS), tree, terraform, states, FakeQueue(), memory, stop
        )
        assert sower(SETTINGS, parts).domain == MEANT
        assert sower(WITHOUT, parts).domain is None
    assert clusters(SETTINGS).domain == MEANT
    assert migration(SETTINGS, SETTINGS.root, Decisions()).domain == MEANT
