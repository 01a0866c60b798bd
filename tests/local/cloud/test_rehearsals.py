"""Failures rehearsed in a local cloud: its environment shows each, and recovers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from gromit.local.cloud.layout import CloudPaths, require_state
from gromit.local.cloud.parts import emulated_account
from gromit.local.cloud.platform import MONGO
from gromit.local.demo.checks import CloudProbe
from tests.commands import run_gromit
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.long,
    pytest.mark.cloud,
    pytest.mark.terraform,
    pytest.mark.xdist_group("rehearsals"),
]

ENV = "app-test"
_WITHIN = 120.0


class Rehearsal:
    """A local cloud that is up, with one environment that is ready."""

    def __init__(self, place: CloudPaths) -> None:
        self._place, self._facts = place, require_state(place)
        self.account = emulated_account(self._facts)
        self.probe = CloudProbe(place, self._facts)
        self.exports = json.loads(self._run("local", "env", "--dir", str(place.root)))

    def push(self, repository: str, *options: str) -> None:
        """Push a build of the environment's branch."""
        self._run("local", "push", repository, ENV, *options, "--dir", str(self._place.root))

    def push_alone(self, repository: str, ref: str) -> str:
        """Push an image that is not reported, and return its digest."""
        done = self._run(
            "local", "push", repository, ref, "--no-report", "--dir", str(self._place.root)
        )
        return str(json.loads(done)["digest"])

    def gromit(self, *arguments: str) -> Any:
        """Run a command; return its JSON."""
        return json.loads(self._run(*arguments, **self.exports))

    def environment(self) -> dict[str, Any]:
        """Return the environment as serve shows it."""
        found: dict[str, Any] = self.gromit("env", "get", ENV)
        return found

    def becomes(self, phase: str, *words: str) -> None:
        """Wait until the environment is in a phase, and says why in some words."""
        seen: list[str] = []

        def shown() -> bool:
            found = self.environment()
            seen.append(json.dumps(found))
            return found["phase"] == phase and all(w in seen[-1] for w in words)

        try:
            eventually(shown, within=_WITHIN)
        except AssertionError:
            pytest.fail(f"it did not become {phase} {words}: {seen[-1]}")

    def answer(self, component: str, path: str, port: int) -> tuple[int, Any]:
        """Return status and body of a component inside the cloud; 0 if it does not answer."""
        for address in self.probe.resolve(f"{component}.{ENV}.internal"):
            try:
                said = httpx2.get(
                    f"http://{address}:{port}{path}", timeout=PATIENCE_S, trust_env=False
                )
            except httpx2.HTTPError:
                return 0, None
            return said.status_code, said.json()
        return 0, None

    def works(self) -> bool:
        """Whether all components run and answer."""
        return (
            self._hello.get("status") == "pass"
            and self.answer("tyk", "/ready", 8181)[0] == 200
            and self.answer("tyk", "/tyk/apis", 8181)[0] == 403
            and self.answer("tyk-analytics", "/hello", 3000)[0] == 200
            and self.answer("tyk-pump", "/hello", 8083)[0] == 200
            and self.answer("tyk-sink", "/health", 8181)[0] == 200
            and self.answer("tyk-identity-broker", "/api/profiles", 3010)[0] == 401
            and self.answer("redis", "/", 6379)[0] == 200
        )

    @property
    def _hello(self) -> dict[str, Any]:
        return dict(self.answer("tyk", "/hello", 8181)[1] or {})

    def local(self, verb: str, *arguments: str) -> Any:
        """Run a command of the cloud; return its JSON."""
        return self.gromit("local", verb, *arguments, "--dir", str(self._place.root))

    def digests(self) -> dict[str, str]:
        """Return the digest of each component that has one."""
        components = self.environment()["components"].values()
        return {c["name"]: c["digest"] for c in components if c["digest"]}

    def scale(self, component: str, count: int) -> None:
        """Change the number of tasks of a component."""
        ecs = self.account.client("ecs")
        ecs.update_service(cluster=ENV, service=component, desiredCount=count)

    def restart(self, component: str) -> None:
        """Replace the tasks of a component."""
        ecs = self.account.client("ecs")
        ecs.update_service(cluster=ENV, service=component, forceNewDeployment=True)

    def change_mongo(self, action: str) -> None:
        """Create or delete the record of Mongo."""
        record = {
            "Name": f"{MONGO}.{self._facts.domain}",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": self._facts.ranges.mongo}],
        }
        self.account.client("route53").change_resource_record_sets(
            HostedZoneId=self._facts.zone_id,
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )

    def _run(self, *arguments: str, **variables: str) -> str:
        done = run_gromit(*arguments, "-o", "json", environ=clean() | variables, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def clean() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "AWS_"))}


def local(verb: str, place: CloudPaths, *options: str) -> None:
    command = [sys.executable, "-m", "gromit", "local", verb, "--dir", str(place.root), *options]
    environ = {**clean(), "GROMIT_SOW_RETRY": "10m"}  # a failure remains until it is seen
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=300)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A cloud with an environment of the shipped catalogue."""
    place = CloudPaths(tmp_path_factory.mktemp("cloud"))
    try:
        local("up", place, "--detach")
        made = Rehearsal(place)
        made.push("tyk")
        made.gromit("env", "wait", ENV, "--timeout", "4m")
        yield made
    finally:
        local("down", place)


@pytest.fixture(autouse=True)
def _works_before_and_after(rehearsal: Rehearsal) -> Iterator[None]:
    eventually(rehearsal.works, within=_WITHIN)
    yield
    rehearsal.becomes("ready")
    eventually(rehearsal.works, within=_WITHIN)


@pytest.mark.parametrize("component", ["redis", "tyk-analytics"])
def test_a_peer_of_the_gateway_goes_away_and_comes_back(
    rehearsal: Rehearsal, component: str
) -> None:
    rehearsal.scale(component, 0)
    rehearsal.becomes("degraded", f"{component}: its service is scaled to 0")
    eventually(lambda: rehearsal.answer("tyk", "/ready", 8181)[0] == 503, within=_WITHIN)
    assert rehearsal.answer("tyk", "/hello", 8181)[1]["status"] == "warn"
    rehearsal.scale(component, 1)


def test_mongo_goes_away_and_comes_back(rehearsal: Rehearsal) -> None:
    rehearsal.change_mongo("DELETE")
    rehearsal.restart("tyk-pump")
    rehearsal.becomes("degraded", "cannot connect to Mongo", "no such host")
    rehearsal.change_mongo("CREATE")


def test_a_build_that_exits_fails_and_a_good_one_corrects_it(rehearsal: Rehearsal) -> None:
    rehearsal.push("tyk", "--exit", "3")
    rehearsal.becomes("failed", "exit code 3")
    assert rehearsal.works(), "the tasks of the last build keep running"
    rehearsal.push("tyk")


def test_a_build_that_crashes_degrades_and_a_good_one_corrects_it(rehearsal: Rehearsal) -> None:
    rehearsal.push("tyk", "--crash")
    rehearsal.becomes("degraded", "exit code 139")
    rehearsal.push("tyk")


def test_a_secret_without_a_value_is_refused_before_the_apply(rehearsal: Rehearsal) -> None:
    secrets, name = rehearsal.account.client("secretsmanager"), "gromit/environments/gateway-node"
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    rehearsal.push("tyk")
    rehearsal.becomes("failed", "gateway-node")
    assert rehearsal.works(), "nothing was applied"
    rehearsal.gromit("secrets", "make")
    # The dashboard needs the new value too.
    rehearsal.gromit("env", "redeploy", ENV)


def test_the_control_api_takes_the_secret_of_the_emulated_account_only(
    rehearsal: Rehearsal,
) -> None:
    secrets = rehearsal.account.client("secretsmanager")
    value = secrets.get_secret_value(SecretId="gromit/environments/gateway-api")["SecretString"]
    (address,) = rehearsal.probe.resolve(f"tyk.{ENV}.internal")
    statuses = [
        httpx2.get(
            f"http://{address}:8181/tyk/apis",
            headers={"x-tyk-authorization": key},
            timeout=PATIENCE_S,
            trust_env=False,
        ).status_code
        for key in (value, "", "wrong")
    ]
    assert statuses == [200, 403, 403]


def test_images_in_use_outlive_a_month_in_which_all_tasks_are_retired(
    rehearsal: Rehearsal,
) -> None:
    before = rehearsal.digests()
    assert {"tyk", "tyk-analytics"} <= before.keys()
    old = rehearsal.push_alone("tyk", "nobodys")
    removed = {row["removed"] for row in rehearsal.local("age-images", "30")}
    assert f"tyk@{old}" in removed
    assert not removed & {f"{name}@{digest}" for name, digest in before.items()}
    retired = rehearsal.local("retire-tasks", ENV)
    assert len(retired) > len(before)
    rehearsal.becomes("ready")
    eventually(rehearsal.works, within=_WITHIN)
    assert rehearsal.digests() == before


def test_an_image_that_is_gone_harms_its_own_component_alone(rehearsal: Rehearsal) -> None:
    """A build of another repository succeeds, and the environment says what runs instead."""
    rehearsal.push("tyk")
    rehearsal.gromit("env", "wait", ENV, "--timeout", "4m")
    gone = rehearsal.digests()["tyk"]
    ecr = rehearsal.account.client("ecr")
    ecr.batch_delete_image(repositoryName="tyk", imageIds=[{"imageDigest": gone}])
    rehearsal.push("tyk-analytics")
    rehearsal.gromit("env", "wait", ENV, "--timeout", "4m")
    shown = rehearsal.environment()["versions"]["tyk"]
    assert (shown["source"], shown["made"]) == ("reported", "master")
    assert shown["reason"] == f"image tyk:{shown['version']} is gone: master runs instead"
    assert rehearsal.digests()["tyk"] != gone
    rehearsal.push("tyk")
