"""`gromit serve` as in production, for tests: mutual TLS, a CA, and an emulated DynamoDB and ECR.

The emulator is a separate process, because its state is one per process and other tests reset
theirs. The clock of serve does not move unless a test moves it.
"""

import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest
from boto3.dynamodb.types import TypeDeserializer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fastapi import FastAPI

from gromit.adapters.security.pki_files import PkiFiles
from gromit.bootstrap import aws_session
from gromit.bootstrap import serve as bootstrap_serve
from gromit.bootstrap.aws_session import session
from gromit.bootstrap.pki import build_pki
from gromit.bootstrap.serve import build_serve
from gromit.config.load import load_settings
from gromit.config.schema import Settings
from gromit.core.environments import past_runs
from gromit.core.environments.attributes import RESERVED
from gromit.core.security.certificates import SERIAL_BITS, Kind, LeafRequest
from gromit.core.security.roles import Role
from gromit.core.stack.task_output import log_group
from gromit.core.time import Millis
from gromit.services.creation_limits import CreationLimits
from gromit.services.doctor_reports import DOCTOR_ROW
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.serve import ServeClient
from gromit.web.server.server import Server
from gromit.web.tls import CertificateFiles, ClientTls
from tests.emulators import empty_table, unchecked_aws
from tests.waiting import PATIENCE_S

REGION = "eu-central-1"
REPOSITORIES = ("tyk", "tyk-analytics", "tyk-identity-broker", "tyk-pump", "tyk-sink")
"""Repositories of the shipped catalogue."""
DEFAULTS = dict.fromkeys(REPOSITORIES, "master")
GRACE_S = 3600
TTL_S = 90

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(slots=True)
class Clock:
    """A clock that tests move."""

    now: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    def __call__(self) -> Millis:
        return Millis(self.now)

    def advance(self, *, s: float = 0, ms: int = 0) -> None:
        self.now += int(s * 1000) + ms


@dataclass(frozen=True, slots=True)
class Emulator:
    """AWS on a loopback address."""

    url: str
    stop: Callable[[], None]
    """Stop the emulator."""

    @property
    def environ(self) -> Mapping[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


class Certificates:
    """A CA of the product, and its certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = load_settings({"GROMIT_PKI_DIR": str(folder), "HOME": str(folder)}).settings
        self.pki = build_pki(settings)
        self.pki.init("test CA", 30)
        self.ca = str(folder / "ca.pem")
        self._count = 0

    def issue(self, kind: Kind, *sans: str) -> tuple[CertificateFiles, str]:
        """Issue a certificate; return it and its serial."""
        self._count += 1
        name = f"{kind}-{self._count}"
        issued = self.pki.issue(LeafRequest(name=name, kind=kind, sans=sans, days=2))
        return CertificateFiles(
            str(self.folder / f"{name}.pem"), str(self.folder / f"{name}-key.pem"), self.ca
        ), issued.serial

    def without_role(self, *uris: str) -> CertificateFiles:
        """Issue a client certificate as another tool would: without a role, or with `uris`."""
        ca = x509.load_pem_x509_certificate(Path(self.ca).read_bytes())
        authority = PkiFiles(self.folder).authority()
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        names = [x509.DNSName("old-client"), *(x509.UniformResourceIdentifier(uri) for uri in uris)]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old-client")]))
            .issuer_name(ca.subject)
            .public_key(key.public_key())
            .serial_number(secrets.randbits(SERIAL_BITS))
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(authority.key, hashes.SHA256())
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return CertificateFiles(certificate.public_bytes(Encoding.PEM).decode(), pem, self.ca)

    @cache  # noqa: B019 - lives as long as the session
    def of(self, role: Role) -> CertificateFiles:
        """Return the certificate of a role that most tests use."""
        return self.issue(role)[0]


@dataclass(frozen=True, slots=True)
class Serve:
    """A running serve, its clients and its table."""

    server: Server
    settings: Settings
    clock: Clock
    emulator: Emulator
    certificates: Certificates
    limits: CreationLimits
    clients: dict[Any, httpx2.Client] = field(default_factory=dict)
    serve_clients: dict[Any, ServeClient] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://{self.server.address(0)}"

    def client_settings(self, role: Role) -> dict[str, str]:
        """Return the environment variables of a command with a certificate of a role."""
        identity = self.certificates.of(role)
        return {
            "GROMIT_SERVE_URL": self.url,
            "GROMIT_CA": self.certificates.ca,
            "GROMIT_CLIENT_CERT": identity.cert,
            "GROMIT_CLIENT_KEY": identity.key,
        }

    @property
    def health_url(self) -> str:
        return f"http://{self.server.address(1)}"

    @property
    def app(self) -> FastAPI:
        app = self.server._listeners[0].app
        assert isinstance(app, FastAPI)
        return app

    def client(self, who: Role | CertificateFiles = Role.OPERATOR) -> httpx2.Client:
        """Return a client with the certificate of a role, or with any certificate."""
        if who not in self.clients:
            self.clients[who] = httpx2.Client(
                base_url=self.url, verify=self.context(who), timeout=PATIENCE_S, trust_env=False
            )
        return self.clients[who]

    def serve_client(self, who: Role | CertificateFiles = Role.OPERATOR) -> ServeClient:
        """Return the product's client with the certificate of a role, or with any certificate."""
        if who not in self.serve_clients:
            http = HttpConnections(self.url, self.tls(who), read_s=PATIENCE_S)
            self.serve_clients[who] = ServeClient(http)
        return self.serve_clients[who]

    def tls(self, who: Role | CertificateFiles) -> ClientTls:
        return ClientTls(self.certificates.of(who) if isinstance(who, Role) else who)

    def context(self, who: Role | CertificateFiles) -> ssl.SSLContext:
        return self.tls(who).context

    # ── shortcuts ─────────────────────────────────────────────────────────────────────────────────

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        who: Role | CertificateFiles = Role.OPERATOR,
        **more: Any,
    ) -> httpx2.Response:
        """Send one request; a body that is not bytes is sent as JSON."""
        content = body if body is None or isinstance(body, bytes) else _json(body)
        return self.client(who).request(method, path, content=content, **more)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at a path, which must exist."""
        answer = self.send("GET", path, who=Role.VIEWER, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def build(self, repo: str, ref: str, sha: str) -> dict[str, str]:
        """Report a build as a release workflow does; it must be accepted."""
        answer = self.send(
            "POST", "/newbuild", {"repo": repo, "ref": ref, "sha": sha}, Role.GATEWAY
        )
        assert answer.status_code == 200, answer.text
        flat: dict[str, str] = answer.json()
        return flat

    def claim(self, kind: str, holder: str = "w1", nonce: str | None = None) -> dict[str, Any]:
        """Claim work, which must be due."""
        body = {"kind": kind, "holder": holder, "nonce": nonce or secrets.token_hex(8)}
        answer = self.send("POST", "/v1/claims", body, Role.WORKER)
        assert answer.status_code == 200, answer.text
        return {**answer.json(), **body}

    def outcome(self, claim: Mapping[str, Any], what: str, **more: Any) -> httpx2.Response:
        """Renew, release, done or fail."""
        body: dict[str, Any] = {"holder": claim["holder"], "epoch": claim["epoch"]}
        if what == "done":
            body |= {"kind": claim["kind"], "nonce": claim["nonce"], "spec_hash": "h1"}
        if what == "fail":
            body |= {"error_kind": "terraform", "message": "no such image"}
        return self.send(
            "POST", f"/v1/claims/{claim['name']}/{what}", {**body, **more}, Role.WORKER
        )

    def work_off(self, kind: str) -> str:
        """Claim the oldest work of a kind and report success; return the environment's name."""
        claim = self.claim(kind)
        answer = self.outcome(claim, "done")
        assert answer.status_code == 200, answer.text
        return str(claim["name"])

    def state(self, name: str) -> str:
        """Return an environment's state on the old wire; `gone` if it does not exist there."""
        answer = self.send("GET", f"/env/{name}", who=Role.VIEWER)
        return str(answer.json()["state"]) if answer.status_code == 200 else "gone"

    # ── the table ────────────────────────────────────────────────────────────────────────────────

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """All environments in the table in DynamoDB."""
        read = TypeDeserializer().deserialize
        answer = self.dynamodb.scan(TableName=self.settings.tablename, ConsistentRead=True)
        assert "LastEvaluatedKey" not in answer
        rows = [{k: read(v) for k, v in item.items()} for item in answer["Items"]]
        return {row["name"]: row for row in rows if not row["name"].startswith(RESERVED)}

    @property
    def dynamodb(self) -> Any:
        return _client(self.emulator, "dynamodb")

    def put_row(self, **attributes: str) -> None:
        """Put a flat row, as gromit v1 wrote it."""
        item = {k: {"S": v} for k, v in attributes.items()}
        self.dynamodb.put_item(TableName=self.settings.tablename, Item=item)

    def damage(self, name: str, attribute: str = "events") -> None:
        """Damage the row of an environment, as a person's edit would."""
        self.dynamodb.update_item(
            TableName=self.settings.tablename,
            Key={"name": {"S": name}},
            UpdateExpression="SET #a = :x",
            ExpressionAttributeNames={"#a": attribute},
            ExpressionAttributeValues={":x": {"S": "x"}},
        )

    def put_environment(self, name: str, *, gone: bool = False) -> None:
        """Put an environment's row as serve writes it; faster than reporting many builds."""
        numbers = {
            "generation": 1,
            "observed": 0,
            "created": 1,
            "changed": 1,
            "epoch": 1,
            "revision": 1,
            "due": 1,
        }
        texts = {
            "name": name,
            "incarnation": "i",
            "v#tyk": "sha",
            "want": "gone" if gone else "up",
            "work": "reap" if gone else "sow",
        }
        item = {
            **{k: {"N": str(v)} for k, v in numbers.items()},
            **{k: {"S": v} for k, v in texts.items()},
        }
        self.dynamodb.put_item(
            TableName=self.settings.tablename, Item={**item, "protected": {"BOOL": False}}
        )

    def write_output(self, name: str, task: str, *texts: str) -> int:
        """Let a task of tyk write, if it has not yet, and return the instant of its first line."""
        logs = self.emulator.client("logs")
        place = {"logGroupName": log_group(name), "logStreamName": f"tyk/tyk/{task}"}
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=log_group(name))
        # CloudWatch refuses lines of the future, where the clock of serve may be.
        now_ms = time.time_ns() // 1_000_000
        events = [{"timestamp": now_ms + n, "message": text} for n, text in enumerate(texts)]
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(**place)
            logs.put_log_events(**place, logEvents=events)
        return now_ms

    def write_run(self, name: str, epoch: int, *texts: str) -> None:
        """Let sow write lines about a run to its log; see `any_time`."""
        logs = self.emulator.client("logs")
        place = {"logGroupName": "/gromit-control/sow", "logStreamName": f"{name}/{epoch}"}
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=place["logGroupName"])
        logs.create_log_stream(**place)
        facts = {"event": "run.progress", "env": name, "epoch": epoch}
        # CloudWatch refuses lines of the future, where the clock of serve may be.
        now_ms = time.time_ns() // 1_000_000
        messages = [_json({**facts, "text": text}).decode() for text in texts]
        events = [{"timestamp": now_ms, "message": message} for message in messages]
        logs.put_log_events(**place, logEvents=events)

    def clear(self) -> None:
        """Empty the table, except for the reports of the doctors."""
        empty_table(self.emulator.url, REGION, self.settings.tablename, DOCTOR_ROW)
        # serve counts environments once a minute, and its clock does not move.
        if (counted := self.limits._population) is not None:
            counted.by_repository.clear()
            counted.by_requester.clear()

    def forget_reports(self) -> None:
        """Delete the reports of the doctors, which `clear` leaves: few tests send any."""
        self.dynamodb.delete_item(
            TableName=self.settings.tablename, Key={"name": {"S": DOCTOR_ROW}}
        )

    def push(self, repository: str, *tags: str) -> None:
        """Put images into the registry."""
        ecr = _client(self.emulator, "ecr")
        with suppress(ecr.exceptions.RepositoryAlreadyExistsException):
            ecr.create_repository(repositoryName=repository)
        for tag in tags:
            manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": {"digest": tag}}
            ecr.put_image(
                repositoryName=repository, imageTag=tag, imageManifest=_json(manifest).decode()
            )


@pytest.fixture
def any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search the lines of a run at any time: the clock of serve moves, that of the log does not."""
    monkeypatch.setattr(past_runs, "_MARGIN_MS", 10 * 365 * 86_400_000)


def flat(name: str, state: str = "new", **versions: str) -> dict[str, str]:
    """Return a flat environment of the shipped catalogue; `_` in a name means `-`."""
    return {
        "name": name,
        "state": state,
        **DEFAULTS,
        **{r.replace("_", "-"): v for r, v in versions.items()},
    }


def from_token(repository: str) -> dict[str, Any]:
    """Return the headers that the gateway adds for a token of this repository."""
    return {"who": Role.GATEWAY, "headers": {"X-Gromit-Repository": repository}}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@cache
def _client(emulator: Emulator, service: str) -> Any:
    return emulator.client(service)


@contextmanager
def serving(
    emulator: Emulator, certificates: Certificates, clock: Clock | None = None, **variables: str
) -> Iterator[Serve]:
    """Run a serve with its own table, and with settings from the variables."""
    server, _ = certificates.issue("server", "localhost", "127.0.0.1")
    environ = {
        "HOME": "/nonexistent",
        "GROMIT_TABLENAME": f"environments-{secrets.token_hex(4)}",
        "GROMIT_CA": certificates.ca,
        "GROMIT_SERVE_CERT": server.cert,
        "GROMIT_SERVE_KEY": server.key,
        "GROMIT_SERVE_LISTEN": "127.0.0.1:0",
        "GROMIT_SERVE_HEALTH": "127.0.0.1:0",
        "GROMIT_SERVE_DENYLIST": str(certificates.folder / "denylist"),
        "GROMIT_CLUSTER_DOMAIN": "dev.example.com",
        **variables,
    }
    settings, ticking = load_settings(environ).settings, clock or Clock()
    with pytest.MonkeyPatch.context() as patched:
        for name, value in emulator.environ.items():
            patched.setenv(name, value)
        # The variables are there only while serve is built, so its clients are made then.
        patched.setattr(aws_session, "lazy_client", lambda make: make())
        rules = settings.environments
        limits = CreationLimits(rules.per_repository, rules.per_token)
        patched.setattr(bootstrap_serve, "CreationLimits", lambda *_: limits)
        session.cache_clear()
        try:
            running = build_serve(settings, ticking)
        finally:
            session.cache_clear()
    with running.running():
        serve = Serve(running, settings, ticking, emulator, certificates, limits)
        try:
            yield serve
        finally:
            for http in serve.clients.values():
                http.close()
            for client in serve.serve_clients.values():
                client.close()


@contextmanager
def emulated() -> Iterator[Emulator]:
    """Run an emulated AWS in a separate process."""
    with ExitStack() as ends:
        yield Emulator(ends.enter_context(unchecked_aws()), ends.close)


def eventually(look: Callable[[], Any], *, within: float = PATIENCE_S) -> Any:
    """Return the first true answer of `look`; fail with its last one after the timeout."""
    deadline, pause = time.monotonic() + within, threading.Event()
    while not (answer := look()):
        assert time.monotonic() < deadline, f"still {answer!r} after {within} s"
        pause.wait(0.01)
    return answer


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with emulated() as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def shared_serve(emulator: Emulator, certificates: Certificates) -> Iterator[Serve]:
    """One serve for all tests that need no settings of their own; use `serve`."""
    with serving(emulator, certificates) as serve:
        yield serve


@pytest.fixture
def serve(shared_serve: Serve) -> Serve:
    """A serve whose table is empty."""
    shared_serve.clear()
    return shared_serve
