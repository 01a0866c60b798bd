"""One test's own installation on the shared ground: a table, a zone, a serve, and a shell in which gromit is called."""

import json
import subprocess
from collections.abc import Iterator, Mapping
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
from gromit.local.cloud.parts import GROMIT, emulated_account
from gromit.local.cloud.platform import BUCKET
from gromit.local.demo import release
from gromit.web.clients.serve import ServeClient
from tests.e2e.ground import Ground
from tests.e2e.processes import Process
from tests.waiting import wait_for

PUBLIC, PRIVATE = 8181, 8182
"""Ports of the two components."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build that was reported."""

    environment: str
    sha: str
    digest: str


@dataclass
class Stage:
    """What a test works with. Names of environments are its own too: those of other tests stand on the same AWS."""

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
        """What a worker is told."""
        return {
            **variables.worker_variables(self.ground.environ, self.ground.place, self.facts),
            **self._own,
        }

    @property
    def person(self) -> dict[str, str]:
        """What an operator's shell holds."""
        return {
            **self.worker,
            **variables.user_variables(self.ground.place, self.facts),
            **self._own,
        }

    @property
    def server(self) -> dict[str, str]:
        """What serve is told."""
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

    def work(self, command: str, *arguments: str, code: int = 0, **told: str) -> "Ran":
        """One pass of `sow`, `reap` or `chitragupta` on the config root."""
        return self._run(
            [command, self.root, *arguments, "-o", "json"], code, {**self.worker, **told}
        )

    def gromit(self, *arguments: str, code: int = 0, **told: str) -> "Ran":
        """A command of an operator."""
        return self._run(arguments, code, {**self.person, **told})

    def start(self, *arguments: str, **told: str) -> Process:
        """A worker that goes on beside the test: `sow`, for example."""
        return self.launch([*GROMIT, *arguments], {**self.worker, **told})

    def launch(self, command: list[str], environ: Mapping[str, str]) -> Process:
        """Any program; it ends with the test."""
        process = Process(
            command, environ, self.ground.place.logs / f"{self.name}-{len(self.processes)}"
        )
        self.processes.append(process)
        return process

    def _run(self, arguments: Any, code: int, environ: Mapping[str, str]) -> "Ran":
        done = subprocess.run(
            [*GROMIT, *arguments],
            env=dict(environ),
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, (
            f"exit code {done.returncode}\nstdout: {done.stdout[-3000:]}\nstderr: {done.stderr[-6000:]}"
        )
        return Ran(done.stdout, done.stderr)

    # ── serve ──

    def serve(self, **told: str) -> Process:
        """Start serve, and wait until it is ready."""
        process = self.launch([*GROMIT, "serve"], {**self.server, **told})

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
        """The name of an environment of this test."""
        return f"{base}-{self.name}"

    def push(self, repository: str, environment: str, sha: str | None = None) -> Build:
        """Put an image into the registry, as a release workflow does."""
        pushed = release.push(self.facts, repository, f"refs/heads/{environment}", sha)
        return Build(pushed["environment"], pushed["sha"], pushed["digest"])

    def report(self, repository: str, environment: str, sha: str) -> dict[str, Any]:
        """Report a build; gives the flat environment."""
        body = {"repo": repository, "ref": f"refs/heads/{environment}", "sha": sha}
        answer: dict[str, Any] = self.api.post("/newbuild", body)
        return answer

    def build(self, repository: str, environment: str) -> Build:
        """Push and report a build."""
        build = self.push(repository, environment)
        self.report(repository, environment, build.sha)
        return build

    def delete(self, environment: str) -> None:
        """Say that nobody wants an environment any more."""
        self.api.call("DELETE", f"/env/{environment}")

    def look(self, environment: str) -> dict[str, Any]:
        """What serve says of an environment."""
        found: dict[str, Any] = self.api.get(f"/v1/environments/{environment}")
        return found

    def phase(self, environment: str) -> str:
        """Its phase; `nothing` if there was never such an environment."""
        try:
            return str(self.look(environment)["phase"])
        except NotFound:
            return "nothing"

    def history(self, environment: str) -> list[tuple[str, str]]:
        """Kind and text of everything that happened to it."""
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
        """The ECS services of an environment that are not gone."""
        ecs = self.client("ecs")
        arns = ecs.list_clusters()["clusterArns"]
        if not any(arn.endswith(f"/{environment}") for arn in arns):
            return []
        found = ecs.list_services(cluster=environment)["serviceArns"]
        return sorted(arn.rpartition("/")[2] for arn in found)

    def state(self, environment: str) -> dict[str, Any] | None:
        """Terraform's state; None if there is none."""
        return self._object(f"env:/{environment}/devenv")

    def lock(self, environment: str) -> dict[str, Any] | None:
        """The lock on it; None if there is none."""
        return self._object(f"env:/{environment}/devenv.tflock")

    def resources(self, environment: str) -> int:
        """How many resources the state knows."""
        return len(
            [
                r
                for r in (self.state(environment) or {}).get("resources", [])
                if r["mode"] == "managed"
            ]
        )

    def config_folder(self, environment: str) -> bool:
        """Whether there are config files."""
        return (self.ground.place.config / environment).exists()

    def records(self, environment: str | None = None) -> dict[str, list[str]]:
        """Names and values of the public records, A and TXT, of one environment or of all."""
        sets = self.client("route53").list_resource_record_sets(HostedZoneId=self.facts.zone_id)[
            "ResourceRecordSets"
        ]
        ours = [s for s in sets if s["Type"] in {"A", "TXT"}]
        end = f".{environment}.{self.facts.domain}." if environment else f".{self.facts.domain}."
        return {
            s["Name"].rstrip("."): [r["Value"] for r in s["ResourceRecords"]]
            for s in ours
            if s["Name"].endswith(end)
        }

    # ── what runs ──

    def ask(self, component: str, environment: str, *, public: bool = False) -> dict[str, Any]:
        """What a component answers at its internal name, or at its public one, as the DNS server resolves it."""
        name = f"{component}.{environment}.{self.facts.domain if public else 'internal'}"
        (address,) = self.resolve(name)
        answer = httpx2.get(
            f"http://{address}:{PUBLIC if component == 'alpha' else PRIVATE}/",
            timeout=10,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        assert (said["component"], said["environment"]) == (component, environment)
        return said

    def resolve(self, name: str) -> list[str]:
        """The addresses of a name; none if it does not exist."""
        query = dns.message.make_query(name, dns.rdatatype.A)
        answer = dns.query.udp(query, "127.0.0.1", port=self.facts.ports["dns"], timeout=10)
        return [item.address for rrset in answer.answer for item in rrset]

    def running(self, component: str, environment: str, *, public: bool = False) -> str:
        """The version of a component that answers."""
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
    """A command that has ended."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its result, asked for with `-o json`."""
        return json.loads(self.out)

    @property
    def endings(self) -> dict[str, str]:
        """How the runs of a pass ended, by environment (the last one of each)."""
        return {row["name"]: row["ending"] for row in self.json}


@contextmanager
def installation(ground: Ground, name: str, settings: Mapping[str, str]) -> Iterator[Stage]:
    """An installation for the time of the block; no process of it is left. Its serve is not started."""
    domain = f"{name}.gromit.test"
    aws = ground.facts
    zone = (
        emulated_account(aws)
        .client("route53")
        .create_hosted_zone(Name=domain, CallerReference=name)["HostedZone"]["Id"]
    )
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
        return httpx2.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False
