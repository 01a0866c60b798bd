"""The AWS emulator: a patched moto on a loopback address, with a state that can be saved.

It refuses requests that AWS's own API models forbid, about most of which moto says nothing.

AWS's conditional writes are atomic. Moto's are not if it handles two requests at once, so it
handles one at a time. Other code that uses the emulator's internals (the Fargate simulator, saving
the state) takes `lock` as well.
"""

import io
import json
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_api._internal import mock_random

from gromit.adapters.private_files import write_atomically
from gromit.local.aws import state
from gromit.local.aws.api_models.record import RequestRecord
from gromit.local.aws.api_models.refusals import RefusedRequest, refuse
from gromit.local.aws.api_models.requests import AwsRequest, check_request
from gromit.local.aws.direct import DirectApplication
from gromit.local.aws.http_server import HttpServer
from gromit.local.aws.journal import Journal, JournalRecord
from gromit.local.aws.lifecycle import age_images
from gromit.local.aws.moto_patches import apply_patches

ACCOUNT = "123456789012"
"""The account of the emulator, for any credentials."""

_READING = ("Describe", "List", "Get", "BatchGet", "Query", "Scan", "Discover", "ExecuteCommand")
"""Beginnings of the names of actions that change nothing."""

_OF_MOTO = "/moto-api/"
"""Beginning of the paths of moto's own interface."""

_FORM = "application/x-www-form-urlencoded"

AGE_IMAGES = "/gromit/age-images"
"""Path of a request that lets all images grow older by `days`; AWS has nothing like it."""

lock = threading.RLock()
"""Held while a thread uses the emulator's internals. State and lock exist once per process."""


class Emulator:
    """AWS on a loopback address, in this process.

    A process has one state: a second emulator and moto's own `mock_aws` share and reset it.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        saved: Path | None = None,
    ) -> None:
        self._host, self._port, self._saved = host, port, saved
        self._journal = Journal(saved) if saved is not None else None
        self._listeners: list[Callable[[], None]] = []
        self._server: HttpServer | None = None

    @property
    def url(self) -> str:
        """Value for `AWS_ENDPOINT_URL`; the port is known after `start`."""
        return f"http://{self._host}:{self._server.port if self._server else self._port}"

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each request that may have changed something.

        It must return at once.
        """
        self._listeners.append(listener)

    def start(self) -> Self:
        """Patch moto, load the saved state and its journal or start empty, and listen.

        Raises `OSError` if the port is in use.
        """
        apply_patches()
        with lock:
            BackendDict.reset()
            reset_model_data()
            application = _SerializingApp(DirectApplication(), self._changed, self._journal)
            self._load(application)
        self._server = HttpServer(self._host, self._port, application).start()
        return self

    def _load(self, application: "_SerializingApp") -> None:
        if self._saved is None or self._journal is None:
            return
        exists = self._saved.exists()
        first = state.load_state(self._saved) if exists else state.FIRST_SEGMENT
        for record in self._journal.records(first):
            application.replay(record)

    def save(self) -> None:
        """Write the state to its file. Raises `ConfigError` if the disk is full."""
        if self._saved is not None and self._journal is not None:
            # Requests wait only while the state is pickled, not while it is written.
            with lock:
                segment = self._journal.begin_segment()
                content = state.dump_state(segment)
            write_atomically(self._saved, content)
            with lock:
                self._journal.drop_before(segment)

    def stop(self) -> None:
        """Stop listening, and save the state."""
        if self._server is not None:
            self._server.stop()
            self._server = None
            self.save()
            if self._journal is not None:
                self._journal.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


class _SerializingApp:
    """WSGI application that reads a request, answers it under the lock, and reports changes.

    What changes something is in the journal before it is answered.
    """

    def __init__(
        self, application: Callable[..., Any], changed: Callable[[], None], journal: Journal | None
    ) -> None:
        self._application, self._changed, self._journal = application, changed, journal
        self._record = RequestRecord.from_environ(os.environ)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH")
        body = environ["wsgi.input"].read(int(length)) if length else b""
        if length:
            environ["wsgi.input"] = io.BytesIO(body)
        if refusal := self._refusal(environ, body):
            start_response("400 Bad Request", list(refusal.headers.items()))
            return [refusal.body]
        # One request at a time: moto's conditional writes are not atomic when two meet.
        with lock:
            if _only_reads(environ, body):
                return self._answer(environ, start_response)
            content = self._change(environ, body, start_response)
        self._changed()
        return content

    def replay(self, record: JournalRecord) -> None:
        """Do again what a request did before the state was lost."""
        environ = {
            **record.environ,
            "wsgi.version": (1, 0),
            "wsgi.input": io.BytesIO(record.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        with _drawing_from(record.seed):
            self._answer(environ, lambda *_: None)

    def _refusal(self, environ: dict[str, Any], body: bytes) -> RefusedRequest | None:
        """Return the answer to a request that AWS's model of the service forbids."""
        request = _aws_request(environ, body)
        if request.url.startswith((_OF_MOTO, AGE_IMAGES)):
            return None
        checked = check_request(request)
        if self._record is not None:
            self._record.add(checked)
        return refuse(request, checked) if checked.faults else None

    def _change(
        self, environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]
    ) -> list[bytes]:
        if self._journal is None:
            return self._answer(environ, start_response)
        seed, statuses = secrets.randbits(64), list[str]()
        # The application adds keys of its own.
        record = JournalRecord(
            seed, {key: value for key, value in environ.items() if isinstance(value, str)}, body
        )

        def start(status: str, *more: Any) -> Any:
            statuses.append(status)
            return start_response(status, *more)

        with _drawing_from(seed):
            content = self._answer(environ, start)
        if statuses and statuses[-1] < "4":  # a refused request changes nothing
            self._journal.append(record)
        return content

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == AGE_IMAGES:
            return _age_images(environ, start_response)
        answer = self._application(environ, start_response)
        content = list(answer)
        if hasattr(answer, "close"):
            answer.close()
        return content


def _age_images(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    days = parse_qs(environ["QUERY_STRING"]).get("days", [""])[0]
    if not days.isdecimal():
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [b"days must be a number\n"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(age_images(ACCOUNT, int(days))).encode()]


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Let moto draw identifiers that the seed determines."""
    mock_random.seed(seed)
    try:
        yield
    finally:
        mock_random.seed()


def _aws_request(environ: Mapping[str, Any], body: bytes) -> AwsRequest:
    headers = {
        key.removeprefix("HTTP_").replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_") or key == "CONTENT_TYPE"
    }
    return AwsRequest(environ["REQUEST_METHOD"], environ["RAW_URI"], headers, body)


def _only_reads(environ: dict[str, Any], body: bytes) -> bool:
    """Whether the method or the action shows that a request changes nothing."""
    return environ["REQUEST_METHOD"] in {"GET", "HEAD"} or _action(environ, body).startswith(
        _READING
    )


def _action(environ: dict[str, Any], body: bytes) -> str:
    """Name of the action: in a header with JSON protocols, in the form with query protocols."""
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return str(target).rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith(_FORM):
        return parse_qs(body.decode("ascii", "replace")).get("Action", [""])[0]
    return ""
