"""`gromit sow` and `gromit reap`: options, exit codes, progress and results.

Real applies and destroys are tested end to end (`tests/e2e`). Here all environments are gone
already, or runs fail.
"""

import json
import os
import pty
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.adapters.config_tree.suspension import Suspension
from gromit.cli.worker_pass import _exit_code
from gromit.core.environments.worker_protocol import RunEnding
from gromit.core.security.roles import Role
from gromit.services.workers import RunResult
from tests.commands import run_gromit
from tests.waiting import PATIENCE_S
from tests.web.serving import Certificates, Emulator, Serve, certificates, emulator, serving

__all__ = ["certificates", "emulator"]

DOMAIN = "dev.example.com"


@dataclass(frozen=True, slots=True)
class Ran:
    """Result of a command."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of `-o json`."""
        found: list[dict[str, Any]] = json.loads(self.out)
        return found


@dataclass(frozen=True, slots=True)
class World:
    """A serve without a grace period, an empty zone, an empty bucket, and a worker's shell."""

    serve: Serve
    root: Path
    bucket: str
    environ: dict[str, str]

    def gromit(self, *arguments: str, **variables: str) -> Ran:
        """Run a command until it ends."""
        done = run_gromit(*arguments, environ={**self.environ, **variables})
        return Ran(done.returncode, done.stdout, done.stderr)

    def deleted(self, *names: str) -> None:
        """Report environments and delete them before they have resources."""
        for name in names:
            self.serve.build("tyk", name, "sha")
            assert self.serve.send("DELETE", f"/env/{name}").status_code == 202

    def lock(self, name: str) -> None:
        """Lock an environment as a person's terraform does."""
        body = json.dumps(
            {
                "ID": "1",
                "Who": "alice@laptop",
                "Operation": "OperationTypeApply",
                "Info": "",
                "Created": "yesterday",
            }
        )
        self.serve.emulator.client("s3").put_object(
            Bucket=self.bucket, Key=f"env:/{name}/devenv.tflock", Body=body
        )


@pytest.fixture
def world(emulator: Emulator, certificates: Certificates, tmp_path: Path) -> Iterator[World]:
    bucket, route53 = f"states-{secrets.token_hex(4)}", emulator.client("route53")
    emulator.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    zone = route53.create_hosted_zone(Name=DOMAIN, CallerReference=bucket)["HostedZone"][
        "Id"
    ].rpartition("/")[2]
    worker = certificates.of(Role.WORKER)
    init_root(tmp_path / "config")
    with serving(emulator, certificates, GROMIT_REAP_GRACE="0") as serve:
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "AWS_"))},
            **emulator.environ,
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
            "GROMIT_SERVE_URL": serve.url,
            "GROMIT_CA": certificates.ca,
            "GROMIT_CLIENT_CERT": worker.cert,
            "GROMIT_CLIENT_KEY": worker.key,
            "GROMIT_CLUSTER_ZONEID": zone,
            "GROMIT_CLUSTER_DOMAIN": DOMAIN,
            "GROMIT_STATE_BUCKET": bucket,
            "GROMIT_TERRAFORM_WORK": str(tmp_path / "work"),
        }
        yield World(serve, tmp_path / "config", bucket, environ)


def test_a_pass_without_work_is_a_success(world: World) -> None:
    for command in ("sow", "reap"):
        done = world.gromit(command, str(world.root))
        assert (done.code, done.out) == (0, "nothing was due\n")


def test_a_pass_shows_the_result_of_each_environment(world: World) -> None:
    world.deleted("app-2", "app-1")
    done = world.gromit("reap", str(world.root), "-o", "json")
    assert [(row["name"], row["ending"], row["problem"]) for row in done.rows] == [
        ("app-1", "done", None),
        ("app-2", "done", None),
    ]
    assert (done.code, {world.serve.state(name) for name in ("app-1", "app-2")}) == (0, {"gone"})


def test_the_setting_says_where_the_root_is_if_it_is_not_given(world: World) -> None:
    world.deleted("app-1")
    assert world.gromit("reap", GROMIT_ROOT=str(world.root)).code == 0
    assert world.serve.state("app-1") == "gone"


def test_exit_codes_separate_all_failed_from_some_failed(world: World) -> None:
    world.deleted("locked")
    world.lock("locked")
    done = world.gromit("reap", str(world.root))
    assert (done.code, "alice@laptop" in done.out) == (1, True)
    world.serve.clock.advance(s=3600)
    world.deleted("app-1")
    done = world.gromit("reap", str(world.root), "-o", "json")
    assert [(row["name"], row["ending"]) for row in done.rows] == [
        ("app-1", "done"),
        ("locked", "failed"),
    ]
    assert (done.code, world.serve.state("locked")) == (4, "deleted")


@pytest.mark.parametrize(
    ("endings", "code"),
    [
        ([], 0),
        ([("a", RunEnding.DONE), ("b", RunEnding.SUPERSEDED), ("c", RunEnding.FENCED)], 0),
        ([("a", RunEnding.FAILED), ("a", RunEnding.DONE)], 0),
        ([("a", RunEnding.DONE), ("a", RunEnding.FAILED)], 1),
        ([("a", RunEnding.FAILED), ("b", RunEnding.STOPPED)], 1),
        ([("a", RunEnding.FAILED), ("b", RunEnding.DONE)], 4),
    ],
)
def test_the_last_run_of_each_environment_counts(
    endings: list[tuple[str, RunEnding]], code: int
) -> None:
    assert _exit_code([RunResult(name, ending, None, 0.1) for name, ending in endings]) == code


def test_nothing_is_claimed_while_processing_is_suspended(world: World) -> None:
    world.deleted("app-1")
    world.serve.build("tyk", "app-2", "sha")
    ConfigTree(world.root).suspend(Suspension("moving mongo", by="alice@bastion"))
    before = world.serve.rows
    for command in ("sow", "reap"):
        done = world.gromit(command, str(world.root))
        assert (done.code, done.out) == (5, "")
        assert "processing is suspended by alice@bastion: moving mongo" in done.err
    assert world.serve.rows == before


def test_a_root_that_is_not_marked_is_not_worked_on(world: World) -> None:
    world.deleted("app-1")
    world.serve.build("tyk", "app-2", "sha")
    before = world.serve.rows
    for command in ("sow", "reap"):
        done = world.gromit(command, str(world.root.parent))
        assert (done.code, "where the config volume is mounted" in done.err) == (78, True)
    assert world.serve.rows == before


def test_a_plan_is_not_watched(world: World) -> None:
    done = world.gromit("sow", str(world.root), "--watch", "--dry-run")
    assert (done.code, "exclude each other" in done.err) == (2, True)


def test_a_plan_names_every_environment_and_changes_none(world: World) -> None:
    world.serve.build("tyk", "wanted", "sha")
    world.deleted("unwanted")
    before = world.serve.rows
    for command, expected in (
        ("sow", {"wanted": "sow", "unwanted": "none"}),
        ("reap", {"wanted": "none", "unwanted": "reap"}),
    ):
        done = world.gromit(command, str(world.root), "--dry-run", "-o", "json")
        assert (done.code, {row["name"]: row["action"] for row in done.rows}) == (0, expected)
    assert world.serve.rows == before


def test_on_a_terminal_progress_is_shown_as_it_happens(world: World) -> None:
    world.deleted("app-1", "locked")
    world.lock("locked")
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-m", "gromit", "reap", str(world.root)]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=world.environ,
            timeout=3 * PATIENCE_S,
            check=False,
        )
    finally:
        os.close(theirs)
    shown = _read_rest(ours).decode().splitlines()
    assert done.returncode == 4
    assert "app-1: removing its DNS records" in shown
    assert "app-1: done" in shown
    assert any(
        line.startswith("locked: failed: terraform itself or a person holds the lock (alice@laptop")
        for line in shown
    )


def _read_rest(terminal: int) -> bytes:
    """Return all output of a terminal whose programs have ended: Linux may pass it on later."""
    found = b""
    with os.fdopen(terminal, "rb", buffering=0) as output, suppress(OSError):
        while part := output.read(65536):
            found += part
    return found


def test_a_serve_that_cannot_be_reached_is_named(world: World) -> None:
    done = world.gromit("sow", str(world.root), GROMIT_SERVE_URL="https://127.0.0.1:1")
    assert (done.code, "could not connect to serve at https://127.0.0.1:1" in done.err) == (1, True)
