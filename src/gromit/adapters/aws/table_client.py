"""Calls of the table without most layers of the SDK, which took nine tenths of a call's time.

The SDK still decides: its endpoint and credentials are used, its events count calls, its handler
of the retry mode says whether and when an attempt follows, its signer signs, and its parser reads
errors.
"""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies

from gromit.adapters.aws.client import CONNECT_S, READ_S
from gromit.adapters.aws.dynamodb_items import ItemParserFactory
from gromit.adapters.aws.http_answers import RawAnswer
from gromit.adapters.aws.kept_connections import ConnectionTimes, KeptConnections

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TYPE = "application/x-amz-json-1.0"
_TARGET = "DynamoDB_20120810"
_SERVICE = "dynamodb"
_FAILURES = (AwsConnectionError, HTTPClientError)


class _ReadBody:
    """A body in the form in which the SDK reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """Yield it whole."""
        yield self._body


class DirectTableClient:
    """The operations of an SDK's client that the table's adapter uses."""

    def __init__(
        self,
        client: "DynamoDBClient",
        session: boto3.Session,
        connections: KeptConnections,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """`client` belongs to `session`, and gives the endpoint, the region and the retry mode."""
        self._client = client
        self._session = session
        self._connections = connections
        self._pause = pause
        parts = urlsplit(client.meta.endpoint_url)
        self._path = parts.path or "/"
        self._fixed = {
            "Host": parts.netloc,
            "User-Agent": str(getattr(client.meta.config, "user_agent", "gromit")),
        }
        self._parser = ItemParserFactory().create_parser("json")

    def get_item(self, **request: Any) -> Any:
        """Read an item."""
        return self._call("GetItem", request)

    def batch_get_item(self, **request: Any) -> Any:
        """Read items, of which some may be left out."""
        return self._call("BatchGetItem", request)

    def update_item(self, **request: Any) -> Any:
        """Write an item."""
        return self._call("UpdateItem", request)

    def transact_write_items(self, **request: Any) -> Any:
        """Write several items, or none of them."""
        return self._call("TransactWriteItems", request)

    def query(self, **request: Any) -> Any:
        """Read a page of an index."""
        return self._call("Query", request)

    def scan(self, **request: Any) -> Any:
        """Read a page of the table."""
        return self._call("Scan", request)

    def _call(self, operation: str, request: Mapping[str, Any]) -> Any:
        body, context = json.dumps(request).encode(), dict[str, Any]()
        attempts, delay = 0, 0.0
        while True:
            if attempts:
                self._pause(delay)
            attempts += 1
            response, failure = self._attempt(operation, body)
            if response is not None and response[0].status_code < 300:
                break
            decided = self._retry_delay(operation, attempts, response, failure, context)
            if decided is None:
                break
            delay = decided
        if response is None:
            self._emit("after-call-error", operation, exception=failure, context=context)
            raise cast("Exception", failure)
        http_response, parsed = response
        self._emit(
            "after-call",
            operation,
            http_response=http_response,
            parsed=parsed,
            model=self._model(operation),
            context=context,
        )
        if http_response.status_code >= 300:
            raise ClientError(cast("Any", parsed), operation)
        return parsed

    def _attempt(
        self, operation: str, body: bytes
    ) -> tuple[tuple[AWSResponse, dict[str, Any]] | None, Exception | None]:
        """Return the answer and its content, or the failure to get one."""
        keys = self._session.get_credentials()
        if keys is None:
            raise NoCredentialsError
        url = self._client.meta.endpoint_url
        named = {"Content-Type": _TYPE, "X-Amz-Target": f"{_TARGET}.{operation}"}
        request = AWSRequest("POST", url, headers={**named, **self._fixed}, data=body)
        signer = SigV4Auth(keys.get_frozen_credentials(), _SERVICE, self._client.meta.region_name)
        signer.add_auth(request)
        try:
            answer = self._connections.post(self._path, dict(request.headers.items()), body)
        except _FAILURES as failure:
            return None, failure
        response = AWSResponse(
            url, answer.status, cast("Any", answer.headers), _ReadBody(answer.body)
        )
        return (response, self._content(answer)), None

    def _content(self, answer: RawAnswer) -> dict[str, Any]:
        if answer.status < 300:
            try:
                return cast("dict[str, Any]", json.loads(answer.body))
            except ValueError as error:
                raise ResponseParserError("the answer is not JSON") from error
        whole = {
            "body": answer.body,
            "headers": answer.headers,
            "status_code": answer.status,
        }
        parsed: dict[str, Any] = self._parser.parse(whole, None)
        return {**_item_of(answer.body), **parsed}

    def _retry_delay(
        self,
        operation: str,
        attempts: int,
        response: tuple[AWSResponse, dict[str, Any]] | None,
        failure: Exception | None,
        context: dict[str, Any],
    ) -> float | None:
        """Return the pause before another attempt as the SDK's retry mode has it; None: no more."""
        answers = self._emit(
            "needs-retry",
            operation,
            response=response,
            endpoint=None,
            operation=self._model(operation),
            attempts=attempts,
            caught_exception=failure,
            request_dict={"context": context},
        )
        decided = [delay for _, delay in answers if delay is not None]
        return None if not decided or decided[0] is False else float(decided[0])

    def _emit(self, event: str, name: str, /, **facts: Any) -> Any:
        return self._client.meta.events.emit(f"{event}.{_SERVICE}.{name}", **facts)

    def _model(self, operation: str) -> Any:
        return self._client.meta.service_model.operation_model(operation)


def table_client(session: boto3.Session, client: "DynamoDBClient") -> "DynamoDBClient":
    """Return a fast form of a session's client; the same one behind a proxy, which that lacks."""
    url = client.meta.endpoint_url
    if get_environ_proxies(url):
        return client
    times = ConnectionTimes(CONNECT_S, READ_S)
    direct = DirectTableClient(client, session, KeptConnections(url, times, _tls(session, url)))
    return cast("DynamoDBClient", direct)


def _tls(session: boto3.Session, url: str) -> ssl.SSLContext | None:
    if not url.startswith("https:"):
        return None
    own = session._session.get_config_variable("ca_bundle")  # noqa: SLF001 - it has no other name
    return ssl.create_default_context(cafile=get_cert_path(own or True))


def _item_of(body: bytes) -> dict[str, Any]:
    """Return the row that refused a write."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return {"Item": found["Item"]} if isinstance(found, dict) and "Item" in found else {}
