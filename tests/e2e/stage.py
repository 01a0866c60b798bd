"""Installation of one test on the shared ground: a table, a zone, a serve, and commands."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import httpx2

from gromit.bootstrap.clients import serve_client
from gromit.config.load import load_settings
from gromit.errors import NotFound
from gromit.local.cloud import network, variables
from gromit.local.cloud.layout import CloudState
from gromit.local.cloud.parts import emulated_account
from gromit.local.cloud.platform import BUCKET
from gromit.local.demo import release
from gromit.web.clients.serve import ServeClient
from tests.commands import run_gromit
from tests.e2e.ground import Ground
from tests.e2e.processes import Process
from tests.waiting import PATIENCE_S, wait_for

PUBLIC, PRIVATE = 8181, 8182
"""Ports of the two components."""


@dataclass(frozen=True, slots=True)
class Build:
    """A reported build."""

    environment: str
    sha: str
    digest: str


@dataclass
class Stage:
    """The installation of one test.

    Names of environments are unique to the test, because all tests of a process share one AWS.
    """

    ground: Ground
    facts: CloudState
    name: str
    settings: Mapping[str, str]
    """Settings that differ from those of a local cloud, for serve and for all commands."""
    processes: list[Process] = field(default_factory=list)

    # ── commands ──

    @property
    def root(self) -> str:
        """The config root."""
        return str(self.ground.place.config)

    @property
    def worker(self) -> dict[str, str]:
        """Variables of a worker."""
        return {
            **variables.worker_variables(self.ground.environ, self.ground.place, self.facts),
            **self._own,
        }

    @property
    def person(self) -> dict[str, str]:
        """Variables of an operator's shell."""
        return {
            **self.worker,
            **variables.user_variables(self.ground.place, self.facts),
            **self._own,
        }

    @property
    def server(self) -> dict[str, str]:
        """Variables of serve."""
        return {
            **variables.serve_variables(self.ground.environ, self.ground.place, self.facts),
            **self._own,
        }

    @property
    def _own(self) -> dict[str, str]:
        return {
            "GROMIT_TABLENAME": self.name,
            "GROMIT_LOG_FORMAT": "json",
            "GROMIT_ROOT": self.root,
            **self.settings,
        }

    def work(self, command: str, *arguments: str, code: int = 0, **overrides: str) -> "Ran":
        """Run one pass of `sow`, `reap` or `chitragupta` on the config root."""
        return self._run(
            [command, self.root, *arguments, "-o", "json"], code, {**self.worker, **overrides}
        )

    def gromit(self, *arguments: str, code: int = 0, **overrides: str) -> "Ran":
        """Run a command of an operator."""
        return self._run(arguments, code, {**self.person, **overrides})

    def start(self, *arguments: str, **overrides: str) -> Process:
        """Start a worker that runs beside the test, for example `sow`."""
        return self.launch("gromit", arguments, {**self.worker, **overrides})

    def launch(self, module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Process:
        """Start `python -m MODULE`, which ends with the test."""
        log = self.ground.place.logs / f"{self.name}-{len(self.processes)}"
        process = Process(module, arguments, environ, log)
        self.processes.append(process)
        return process

    def _run(self, arguments: Any, code: int, environ: Mapping[str, str]) -> "Ran":
        done = run_gromit(*arguments, environ=environ, timeout=150)
        output = f"stdout: {done.stdout[-3000:]}\nstderr: {done.stderr[-6000:]}"
        assert done.returncode == code, f"exit code {done.returncode}\n{output}"
        return Ran(done.stdout, done.stderr)

    # ── serve ──

    def serve(self, **overrides: str) -> Process:
        """Start serve, and wait until it is ready."""
        process = self.launch("gromit", ["serve"], {**self.server, **overrides})

        def ready() -> bool:
            assert process.popen.poll() is None, process.err
            return _is_ready(f"{self.facts.url('health')}/readyz")

        wait_for("serve", ready, 60)
        return process

    @cached_property
    def api(self) -> ServeClient:
        """A client of serve, with an operator's certificate."""
        return serve_client(load_settings(self.person).settings)

    def env(self, base: str) -> str:
        """Return the name of an environment of this test."""
        return f"{base}-{self.name}"

    def push(self, repository: str, environment: str, sha: str | None = None) -> Build:
        """Put an image into the registry, as a release workflow does."""
        pushed = release.push(self.facts, repository, f"refs/heads/{environment}", sha)
        return Build(pushed["environment"], pushed["sha"], pushed["digest"])

    def report(self, repository: str, environment: str, sha: str) -> dict[str, Any]:
        """Report a build; return the flat environment."""
        body = {"repo": repository, "ref": f"refs/heads/{environment}", "sha": sha}
        answer: dict[str, Any] = self.api.post("/newbuild", body)
        return answer

    def build(self, repository: str, environment: str) -> Build:
        """Push and report a build."""
        build = self.push(repository, environment)
        self.report(repository, environment, build.sha)
        return build

    def delete(self, environment: str) -> None:
        """Delete an environment."""
        self.api.call("DELETE", f"/env/{environment}")

    def look(self, environment: str) -> dict[str, Any]:
        """Return serve's view of an environment."""
        found: dict[str, Any] = self.api.get(f"/v1/environments/{environment}")
        return found

    def phase(self, environment: str) -> str:
        """Return its phase; `nothing` if there was never such an environment."""
        try:
            return str(self.look(environment)["phase"])
        except NotFound:
            return "nothing"

    def history(self, environment: str) -> list[tuple[str, str]]:
        """Return kind and text of its events."""
        events = self.api.get(f"/v1/environments/{environment}/events")["events"]
        return [(e["kind"], e["text"]) for e in events]

    def until_phase(self, environment: str, phase: str, seconds: float = 120) -> None:
        """Wait for a phase."""
        wait_for(f"{environment} {phase}", lambda: self.phase(environment) == phase, seconds)

    # ── AWS ──

    def client(self, service: str) -> Any:
        """A client of the emulated AWS."""
        return emulated_account(self.facts).client(service)

    def services(self, environment: str) -> list[str]:
        """Return the ECS services of an environment that are not gone."""
        ecs = self.client("ecs")
        arns = ecs.list_clusters()["clusterArns"]
        if not any(arn.endswith(f"/{environment}") for arn in arns):
            return []
        found = ecs.list_services(cluster=environment)["serviceArns"]
        return sorted(arn.rpartition("/")[2] for arn in found)

    def state(self, environment: str) -> dict[str, Any] | None:
        """Return terraform's state; None if there is none."""
        return self._object(f"env:/{environment}/devenv")

    def lock(self, environment: str) -> dict[str, Any] | None:
        """Return the lock of the state; None if there is none."""
        return self._object(f"env:/{environment}/devenv.tflock")

    def resources(self, environment: str) -> int:
        """Return the number of resources in the state."""
        resources = (self.state(environment) or {}).get("resources", [])
        return len([r for r in resources if r["mode"] == "managed"])

    def config_folder(self, environment: str) -> bool:
        """Whether there are config files."""
        return (self.ground.place.config / environment).exists()

    def records(self, environment: str | None = None) -> dict[str, list[str]]:
        """Return names and values of the A and TXT records of one environment, or of all."""
        route53 = self.client("route53")
        found = route53.list_resource_record_sets(HostedZoneId=self.facts.zone_id)
        ours = [s for s in found["ResourceRecordSets"] if s["Type"] in {"A", "TXT"}]
        end = f".{environment}.{self.facts.domain}." if environment else f".{self.facts.domain}."
        return {
            s["Name"].rstrip("."): [r["Value"] for r in s["ResourceRecords"]]
            for s in ours
            if s["Name"].endswith(end)
        }

    # ── what runs ──

    def ask(self, component: str, environment: str, *, public: bool = False) -> dict[str, Any]:
        """Return the response of a component at its internal or public name."""
        name = f"{component}.{environment}.{self.facts.domain if public else 'internal'}"
        (address,) = self.resolve(name)
        port = PUBLIC if component == "alpha" else PRIVATE
        answer = httpx2.get(f"http://{address}:{port}/", timeout=PATIENCE_S, trust_env=False)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        assert (said["component"], said["environment"]) == (component, environment)
        return said

    def resolve(self, name: str) -> list[str]:
        """Return the addresses of a name; none if it does not exist."""
        query = dns.message.make_query(name, dns.rdatatype.A)
        answer = dns.query.udp(query, "127.0.0.1", port=self.facts.ports["dns"], timeout=PATIENCE_S)
        return [item.address for rrset in answer.answer for item in rrset]

    def running(self, component: str, environment: str, *, public: bool = False) -> str:
        """Return the version of a component that answers."""
        return str(self.ask(component, environment, public=public)["version"])

    def _object(self, key: str) -> dict[str, Any] | None:
        s3 = self.client("s3")
        try:
            body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
        found: dict[str, Any] = json.loads(body)
        return found


@dataclass(frozen=True, slots=True)
class Ran:
    """Output of a command."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        """Result of a command that was run with `-o json`."""
        return json.loads(self.out)

    @property
    def endings(self) -> dict[str, str]:
        """Endings of the runs of a pass, by environment (the last one of each)."""
        return {row["name"]: row["ending"] for row in self.json}


@contextmanager
def installation(ground: Ground, name: str, settings: Mapping[str, str]) -> Iterator[Stage]:
    """Yield an installation; its processes end with the block. Its serve is not started."""
    domain = f"{name}.gromit.test"
    aws = ground.facts
    route53 = emulated_account(aws).client("route53")
    created = route53.create_hosted_zone(Name=domain, CallerReference=name)
    zone = created["HostedZone"]["Id"]
    ports = dict(aws.ports)
    for part in ("serve", "health", "gateway"):
        ports[part] = network.free_port(taken=ports.values())
    stage = Stage(
        ground,
        replace(aws, domain=domain, zone_id=zone.rpartition("/")[2], ports=ports),
        name,
        settings,
    )
    try:
        yield stage
    finally:
        for process in reversed(stage.processes):
            process.close()
        stage.api.close()


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=PATIENCE_S, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False
