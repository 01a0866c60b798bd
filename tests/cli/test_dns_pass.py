"""`gromit chitragupta` and `gromit cluster` as processes, with a real serve and the emulator."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest

from gromit.bootstrap.aws_session import session
from gromit.bootstrap.serve import build_serve
from gromit.config.load import load_settings
from gromit.core.security.roles import Role
from gromit.local.aws.emulator import Emulator
from gromit.local.aws.moto_patches import remove_patches
from gromit.web.tls import ClientTls
from tests.aws_laws.fleet import Fleet
from tests.aws_laws.laws import REGION
from tests.commands import run_gromit
from tests.waiting import PATIENCE_S, wait_for
from tests.web.serving import Certificates

DOMAIN = "dev.example.com"
KEYS = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def client_of(aws: Emulator, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=aws.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@dataclass
class World:
    """The emulator, serve, and a shell for gromit."""

    aws: Emulator
    serve: httpx2.Client
    certificates: Certificates
    folder: Path

    def __post_init__(self) -> None:
        self.fleet = Fleet(self.client)
        zone = self.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference="x")[
            "HostedZone"
        ]["Id"]
        self.zone_id: str = zone.rsplit("/", 1)[-1]

    def client(self, service: str) -> Any:
        return client_of(self.aws, service)

    @property
    def environ(self) -> dict[str, str]:
        worker = self.certificates.of(Role.WORKER)
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_", "AWS_"))
        }
        return {
            **kept,
            **KEYS,
            "AWS_ENDPOINT_URL": self.aws.url,
            "HOME": str(self.folder),
            "GROMIT_SERVE_URL": str(self.serve.base_url),
            "GROMIT_CA": self.certificates.ca,
            "GROMIT_CLIENT_CERT": worker.cert,
            "GROMIT_CLIENT_KEY": worker.key,
            "GROMIT_CLUSTER_ZONEID": self.zone_id,
            "GROMIT_CLUSTER_DOMAIN": DOMAIN,
            "GROMIT_DNS_BACKSTOP": "1s",
        }

    def gromit(
        self, *arguments: str, code: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command until it ends."""
        done = run_gromit(*arguments, environ={**self.environ, **variables})
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def rows(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """Return the JSON output of a command."""
        found: list[dict[str, Any]] = json.loads(
            self.gromit(*arguments, "-o", "json", code=code).stdout
        )
        return found

    @contextmanager
    def background(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command until the block ends, then stop it."""
        command = [sys.executable, "-m", "gromit", *arguments]
        with subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def start(self, environment: str) -> dict[str, set[str]]:
        """Run a desired environment. Return its addresses by name."""
        answer = self.serve.put(f"/env/{environment}", json={"tyk": "sha-1"})
        assert answer.status_code == 201, answer.text
        return {
            f"{c}.{environment}.{DOMAIN}": set(self.fleet.run(environment, c))
            for c in ("tyk", "tyk-analytics")
        }

    def records(self) -> dict[str, set[str]]:
        """Return the address records of the zone, by name."""
        sets = self.client("route53").list_resource_record_sets(HostedZoneId=self.zone_id)[
            "ResourceRecordSets"
        ]
        return {
            s["Name"].rstrip("."): {r["Value"] for r in s["ResourceRecords"]}
            for s in sets
            if s["Type"] == "A"
        }

    def put(self, name: str, *, owned: bool = False) -> None:
        """Create a record in the zone."""
        _, environment, _ = name.split(".", 2)
        sets = [{"Name": name, "Type": "A", "TTL": 10, "ResourceRecords": [{"Value": "9.9.9.9"}]}]
        if owned:
            value = {"Value": f'"heritage=gromit,environment={environment}"'}
            sets.append(
                {
                    "Name": f"_gromit.{environment}.{DOMAIN}",
                    "Type": "TXT",
                    "TTL": 300,
                    "ResourceRecords": [value],
                }
            )
        changes = [{"Action": "CREATE", "ResourceRecordSet": s} for s in sets]
        self.client("route53").change_resource_record_sets(
            HostedZoneId=self.zone_id, ChangeBatch={"Changes": changes}
        )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    running = Emulator().start()
    try:
        yield running
    finally:
        running.stop()
        remove_patches()


@pytest.fixture
def world(
    aws: Emulator, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Run serve in this process, as in production."""
    server, _ = certificates.issue("server", "localhost", "127.0.0.1")
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": aws.url}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(
        {
            "HOME": str(tmp_path),
            "GROMIT_CA": certificates.ca,
            "GROMIT_SERVE_CERT": server.cert,
            "GROMIT_SERVE_KEY": server.key,
            "GROMIT_SERVE_LISTEN": "127.0.0.1:0",
            "GROMIT_SERVE_HEALTH": "127.0.0.1:0",
        }
    ).settings
    session.cache_clear()
    serve = build_serve(settings)
    session.cache_clear()
    context = ClientTls(certificates.of(Role.OPERATOR)).context
    with (
        serve.running(),
        httpx2.Client(
            base_url=f"https://{serve.address(0)}",
            verify=context,
            trust_env=False,
            timeout=PATIENCE_S,
        ) as client,
    ):
        yield World(aws, client, certificates, tmp_path)


def test_a_pass_publishes_what_runs_and_the_next_one_changes_nothing(world: World) -> None:
    expected = world.start("app")
    shown = world.rows("chitragupta")
    assert world.records() == expected
    assert [(r["action"], r["name"]) for r in shown] == [
        ("create", f"_gromit.app.{DOMAIN}"),
        ("create", f"tyk-analytics.app.{DOMAIN}"),
        ("create", f"tyk.app.{DOMAIN}"),
    ]
    assert world.gromit("chitragupta").stdout == "nothing to change\n"


def test_the_old_name_of_the_command_does_the_same(world: World) -> None:
    expected = world.start("app")
    assert "--all is missing" in world.gromit("cluster", "expose", code=2).stderr
    assert world.records() == {}
    world.gromit("cluster", "expose", "-a")
    assert world.records() == expected


def test_a_dry_run_shows_the_changes_and_makes_none(world: World) -> None:
    world.start("app")
    shown = world.rows("chitragupta", "--dry-run")
    assert world.records() == {}
    assert world.rows("chitragupta") == shown


def test_an_environment_that_was_deleted_loses_its_records(world: World) -> None:
    world.start("app")
    world.gromit("chitragupta")
    assert world.serve.delete("/env/app").status_code == 202
    assert {r["why"] for r in world.rows("chitragupta")} == {
        "environment app is gone or parked",
        "no record of app is left",
    }
    assert world.records() == {}


def test_nothing_is_done_while_processing_is_suspended(world: World) -> None:
    expected = world.start("app")
    root = world.folder / "config"
    root.mkdir()
    assert "is not a config root" in world.gromit("chitragupta", str(root), code=78).stderr
    world.gromit("root", "init", str(root))
    world.gromit("suspend", str(root), "--reason", "upgrade")
    assert "upgrade" in world.gromit("chitragupta", str(root), code=5).stderr
    assert "upgrade" in world.gromit("chitragupta", code=5, GROMIT_ROOT=str(root)).stderr
    assert world.records() == {}
    world.gromit("resume", str(root))
    world.gromit("chitragupta", str(root))
    assert world.records() == expected


def test_nothing_is_done_while_serve_says_that_processing_is_suspended(world: World) -> None:
    expected = world.start("app")

    def suspend(**body: str) -> None:
        answer = world.serve.post("/v1/suspensions", json={"reason": "upgrade", **body})
        assert answer.status_code == 200, answer.text

    suspend(scope="environment", target="app")
    world.gromit("chitragupta")
    assert world.records() == expected
    suspend(scope="all")
    world.start("late")
    refused = world.gromit("chitragupta", code=5)
    assert "processing is suspended by operator:" in refused.stderr
    assert "hint: run `gromit resume` to continue" in refused.stderr
    assert world.rows("chitragupta", "--dry-run")
    assert world.records() == expected


def test_a_name_that_gromit_does_not_own_is_shown_and_makes_it_partly_done(world: World) -> None:
    expected = world.start("app")
    world.put(f"tyk.app.{DOMAIN}")
    shown = world.rows("chitragupta", code=4)
    assert [r["name"] for r in shown if r["action"] == "blocked"] == [f"tyk.app.{DOMAIN}"]
    assert world.records() == expected | {f"tyk.app.{DOMAIN}": {"9.9.9.9"}}


def test_a_mass_of_unexplained_deletes_needs_force(world: World) -> None:
    for n in range(11):
        world.put(f"tyk.e{n}.{DOMAIN}", owned=True)
    refused = world.gromit("chitragupta", code=1)
    assert "11 of 11 public records would be deleted" in refused.stderr
    planned = world.gromit("chitragupta", "--dry-run", code=1)
    assert planned.stdout.count("delete") == 22
    assert len(world.records()) == 11
    world.gromit("chitragupta", "--force")
    assert world.records() == {}


def test_nothing_is_changed_when_serve_cannot_be_reached(world: World) -> None:
    world.put(f"tyk.e1.{DOMAIN}", owned=True)
    failed = world.gromit("chitragupta", code=1, GROMIT_SERVE_URL="https://127.0.0.1:1")
    assert "could not connect to serve" in failed.stderr
    assert len(world.records()) == 1
    logged = [json.loads(line) for line in failed.stderr.splitlines() if line.startswith("{")]
    failures = [line["failures"] for line in logged if line["event"] == "dns.pass_failed"]
    assert failures == [1], "the metric of a scheduled pass"


@pytest.mark.parametrize("setting", ["GROMIT_CLUSTER_ZONEID", "GROMIT_CLUSTER_DOMAIN"])
def test_without_a_zone_the_missing_setting_is_named(world: World, setting: str) -> None:
    assert setting in world.gromit("chitragupta", code=2, **{setting: ""}).stderr


@pytest.mark.parametrize("option", ["--dry-run", "--force"])
def test_a_watch_neither_pretends_nor_forces(world: World, option: str) -> None:
    assert "--watch" in world.gromit("chitragupta", "--watch", option, code=2).stderr


def test_a_watch_follows_what_happens_until_a_stop_signal(world: World) -> None:
    with world.background("chitragupta", "--watch") as watch:
        expected = world.start("app")
        wait_for("records of app", lambda: world.records() == expected)
        world.serve.delete("/env/app")
        wait_for("no records", lambda: not world.records())
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(PATIENCE_S) == 0


# ── views ───────────────────────────────────────────────────────────────────────────────────────


def test_clusters_of_environments_are_listed_and_no_other(world: World) -> None:
    world.start("app")
    world.fleet.run("gromit-internal", "serve", is_marked=False)
    assert world.rows("cluster", "list") == [
        {
            "name": "app",
            "services": 2,
            "running": 2,
            "pending": 0,
            "urls": {
                "tyk": f"http://tyk.app.{DOMAIN}:8181",
                "tyk-analytics": f"http://tyk-analytics.app.{DOMAIN}:3000",
            },
        }
    ]
    assert f"tyk=http://tyk.app.{DOMAIN}:8181" in world.gromit("cluster", "list").stdout


def test_without_clusters_there_is_nothing_to_list(world: World) -> None:
    assert world.gromit("cluster", "list").stdout == "no environment has a cluster\n"


def test_a_cluster_is_shown_with_services_addresses_and_task_definitions(world: World) -> None:
    expected = world.start("app")
    found: Any = world.rows("cluster", "show", "app")
    assert (found["name"], found["running"]) == ("app", 2)
    assert {
        f"{s['component']}.app.{DOMAIN}": set(s["addresses"]) for s in found["services"]
    } == expected
    table = world.gromit("cluster", "show", "app").stdout
    assert "app:1" in table
    assert f"http://tyk.app.{DOMAIN}:8181" in table


def test_a_cluster_that_does_not_exist_is_named(world: World) -> None:
    assert "there is no cluster never" in world.gromit("cluster", "show", "never", code=1).stderr
