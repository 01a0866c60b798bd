"""The fast client of the table: it signs, waits and tries again as the SDK does."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, NoCredentialsError

from gromit.adapters.aws.call_counts import CallCounts
from gromit.adapters.aws.client import TABLE_CLIENT, aws_errors
from gromit.adapters.aws.kept_connections import ConnectionTimes, KeptConnections
from gromit.adapters.aws.table_client import DirectTableClient, table_client
from gromit.core.metrics.pass_report import CallOutcome
from gromit.errors import BackendError, Denied, Temporary
from tests.waiting import PATIENCE_S
from tests.web.serving import Certificates

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "eu-central-1"
THROTTLED = (400, {"__type": "com.amazonaws#ProvisionedThroughputExceededException"})
BROKEN = (500, {"__type": "InternalServerError", "message": "no"})
FOUND = (200, {"Item": {"name": {"S": "app"}}})
HANG_UP = (0, b"")
"""The server ends the connection instead of an answer."""


@dataclass
class ScriptedTable:
    """A server that gives the next answer of a list, then the last one again and again."""

    answers: Sequence[tuple[int, Any]]
    requests: list[dict[str, str]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    is_ending: bool = False
    """Whether it ends each connection after an answer, without saying so."""
    url: str = ""

    def next(self) -> tuple[int, Any]:
        return self.answers[min(len(self.requests), len(self.answers)) - 1]


class _Server(http.server.ThreadingHTTPServer):
    """A server at which as many clients may arrive at once as a test has threads."""

    request_queue_size = 100


@contextmanager
def scripted(
    *answers: tuple[int, Any], is_ending: bool = False, tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedTable]:
    table = ScriptedTable(answers, is_ending=is_ending)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            table.requests.append({k.lower(): v for k, v in self.headers.items()})
            table.connections.add(self.client_address)
            status, content = table.next()
            if status == 0:
                self.close_connection = True
                return
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = table.is_ending

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    table.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield table
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Asked:
    """A client of a server, and the pauses that it made."""

    client: DirectTableClient
    connections: KeptConnections
    pauses: list[float]
    counts: CallCounts


@pytest.fixture
def ask() -> Iterator[Any]:
    made: list[KeptConnections] = []

    def build(url: str, session: boto3.Session | None = None) -> Asked:
        session = session or boto3.Session("key", "secret", region_name=REGION)
        counts, pauses = CallCounts(), list[float]()
        counts.follow(session)
        client = session.client("dynamodb", endpoint_url=url, config=TABLE_CLIENT)
        connections = KeptConnections(url, ConnectionTimes(PATIENCE_S, PATIENCE_S), None)
        made.append(connections)
        direct = DirectTableClient(client, session, connections, pauses.append)
        return Asked(direct, connections, pauses, counts)

    yield build
    for connections in made:
        connections.close()


@pytest.mark.parametrize("token", [None, "token/with+signs=="])
@pytest.mark.parametrize("path", ["", "/below"])
def test_requests_are_those_of_the_sdk(token: str | None, path: str, ask: Any) -> None:
    session = boto3.Session("key", "secret", token, region_name=REGION)
    with scripted(FOUND) as table:
        url = table.url + path
        ask(url, session).client.get_item(TableName="t", Key={"name": {"S": "ä"}})
        stock = session.client("dynamodb", endpoint_url=url, config=TABLE_CLIENT)
        stock.get_item(TableName="t", Key={"name": {"S": "ä"}})
        stock.close()
    own, expected = table.requests
    for name in ("host", "content-type", "content-length", "x-amz-target", "x-amz-security-token"):
        assert own.get(name) == expected.get(name)
    assert (
        own["authorization"].partition("Signature=")[0]
        == (expected["authorization"].partition("Signature=")[0])
    )


def test_refreshed_credentials_sign_the_next_request(ask: Any) -> None:
    session = boto3.Session("first", "secret", region_name=REGION)
    with scripted(FOUND) as table, pytest.MonkeyPatch.context() as patch:
        client = ask(table.url, session).client
        for key in ("old", "new"):
            patch.setattr(session, "get_credentials", lambda key=key: Credentials(key, "secret"))
            client.get_item(TableName="t", Key={})
    first, second = (request["authorization"] for request in table.requests)
    assert ("Credential=old/" in first, "Credential=new/" in second) == (True, True)


@pytest.mark.parametrize("failure", [THROTTLED, BROKEN, (503, b"<html>busy</html>"), HANG_UP])
def test_a_failed_attempt_is_made_again_after_a_pause(failure: tuple[int, Any], ask: Any) -> None:
    with scripted(failure, failure, FOUND) as table:
        asked = ask(table.url)
        assert asked.client.get_item(TableName="t", Key={}) == FOUND[1]
    assert len(table.requests) == 3
    assert len(asked.pauses) == 2
    assert all(pause >= 0 for pause in asked.pauses)
    assert asked.counts.totals() == {("dynamodb", CallOutcome.OK): 1}


@pytest.mark.parametrize("failure", [BROKEN, HANG_UP])
def test_there_are_as_many_attempts_as_the_sdk_makes(failure: tuple[int, Any], ask: Any) -> None:
    with scripted(failure) as table:
        asked = ask(table.url)
        with pytest.raises(Temporary), aws_errors("read app"):
            asked.client.get_item(TableName="t", Key={})
    with scripted(failure) as other:
        sdk = ask(other.url).client._client
        with pytest.raises(Temporary), aws_errors("read app"):
            sdk.get_item(TableName="t", Key={})
    assert len(table.requests) == len(other.requests) > 2
    assert len(asked.pauses) == len(table.requests) - 1
    assert sum(asked.counts.totals().values()) == 1
    assert CallOutcome.OK not in {outcome for _, outcome in asked.counts.totals()}


def test_the_quota_of_retries_is_the_one_of_the_sdk(ask: Any) -> None:
    with scripted(BROKEN) as table:
        asked, counts = ask(table.url), list[int]()
        while not counts or counts[-1] > 1:  # each retry takes from it, and nothing gives back
            before = len(table.requests)
            with pytest.raises(ClientError):
                asked.client.get_item(TableName="t", Key={})
            counts.append(len(table.requests) - before)
    assert counts[0] > 1


def test_a_refused_condition_is_an_answer_with_the_row(ask: Any) -> None:
    row = {"name": {"S": "app"}}
    body = {"__type": "x#ConditionalCheckFailedException", "message": "refused", "Item": row}
    with scripted((400, body)) as table, pytest.raises(ClientError) as refused:
        ask(table.url).client.update_item(TableName="t", Key={})
    assert len(table.requests) == 1
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert refused.value.response["Item"] == row  # type: ignore[typeddict-item] # not in the stubs


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"__type": "x#AccessDeniedException", "Message": "not you"}), Denied),
        ((200, b"<html>a proxy</html>"), BackendError),
        ((400, {"__type": "x#ValidationException", "message": "no"}), BackendError),
        ((302, b""), BackendError),
    ],
)
def test_other_answers_are_not_asked_for_again(
    answer: tuple[int, Any], error: type[Exception], ask: Any
) -> None:
    with (
        scripted(answer) as table,
        pytest.raises(error) as raised,
        aws_errors("read app"),
    ):
        ask(table.url).client.get_item(TableName="t", Key={})
    assert raised.type is error
    assert len(table.requests) == 1


def test_a_server_that_cannot_be_reached_is_temporary(ask: Any) -> None:
    asked = ask("http://127.0.0.1:9")
    with pytest.raises(Temporary), aws_errors("read app"):
        asked.client.get_item(TableName="t", Key={})
    assert len(asked.pauses) > 1
    assert asked.counts.totals() == {("dynamodb", CallOutcome.UNAVAILABLE): 1}


def test_a_server_that_does_not_answer_is_temporary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        connections = KeptConnections(url, ConnectionTimes(PATIENCE_S, 0.05), None)
        with pytest.raises(Temporary), aws_errors("read app"):
            connections.post("/", {}, b"")


def test_missing_credentials_are_named(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session("key", "secret", region_name=REGION)
    with scripted(FOUND) as table:
        client = ask(table.url, session).client
        monkeypatch.setattr(session, "get_credentials", lambda: None)
        with pytest.raises(NoCredentialsError):
            client.get_item(TableName="t", Key={})
    assert table.requests == []


def test_a_connection_is_kept_for_the_next_request(ask: Any) -> None:
    with scripted(FOUND) as table:
        asked = ask(table.url)
        for _ in range(20):
            asked.client.get_item(TableName="t", Key={})
        asked.connections.close()
    assert len(table.connections) == 1


def test_there_are_as_many_connections_as_threads_and_none_is_discarded(ask: Any) -> None:
    threads, rounds = 40, 5
    together = threading.Barrier(threads)
    with scripted(FOUND) as table, ThreadPoolExecutor(threads) as pool:
        asked = ask(table.url)

        def read(_: int) -> None:
            for _round in range(rounds):
                together.wait()
                asked.client.get_item(TableName="t", Key={})

        list(pool.map(read, range(threads)))
        asked.connections.close()
    assert len(table.requests) == threads * rounds
    assert len(table.connections) <= threads


def test_a_connection_that_the_server_ended_costs_no_attempt(ask: Any) -> None:
    with scripted(FOUND, is_ending=True) as table:
        asked = ask(table.url)
        for _ in range(3):
            asked.client.get_item(TableName="t", Key={})
            _wait_for_end(asked.connections)
    assert len(table.requests) == 3
    assert asked.pauses == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("pki") / "ca")


def _of_the_table(url: str) -> tuple[Any, KeptConnections]:
    session = boto3.Session("key", "secret", region_name=REGION)
    stock = session.client("dynamodb", endpoint_url=url, config=TABLE_CLIENT)
    client: Any = table_client(session, stock)
    client._pause = lambda _: None
    return client, client._connections


def test_one_tls_connection_serves_all_requests(
    authority: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = authority.issue("server", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert, server.key)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.ca))
    with scripted(FOUND, tls=context) as table:
        client, connections = _of_the_table(table.url)
        answers = [client.get_item(TableName="t", Key={}) for _ in range(20)]
        connections.close()
    assert answers == [FOUND[1]] * 20
    assert len(table.connections) == 1


@pytest.mark.parametrize(("name", "is_trusted"), [("127.0.0.1", False), ("other.example", True)])
def test_a_server_without_a_trusted_certificate_of_its_name_gets_no_request(
    name: str, is_trusted: bool, authority: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = authority.issue("server", name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert, server.key)
    if is_trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.ca))
    with scripted(FOUND, tls=context) as table:
        client, _ = _of_the_table(table.url)
        with pytest.raises(Temporary, match="certificate verify failed"), aws_errors("read app"):
            client.get_item(TableName="t", Key={})
    assert table.requests == []


def test_behind_a_proxy_the_sdk_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session("key", "secret", region_name=REGION)
    client: DynamoDBClient = session.client("dynamodb")
    assert table_client(session, client) is not client
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert table_client(session, client) is client


def test_a_line_break_in_a_token_is_not_sent(ask: Any) -> None:
    session = boto3.Session("key", "secret", "token\r\nx: y", region_name=REGION)
    with scripted(FOUND) as table, pytest.raises(ValueError, match="line break"):
        ask(table.url, session).client.get_item(TableName="t", Key={})
    assert table.requests == []


def _wait_for_end(connections: KeptConnections) -> None:
    """Wait until the end of the kept connection has arrived."""
    for kept in connections._idle:
        kept.settimeout(PATIENCE_S)
        kept.recv(1, socket.MSG_PEEK)
