"""Answers of the emulator that are kept, so that its own cost does not count.

Something is done twice. The first time the emulator answers, and each answer is kept. The second
time the same requests get the kept answers, which costs next to nothing. So what is left is the
cost of gromit and of the SDK.
"""

import gc
import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import thread_time
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.loaders import JSONFileLoader
from moto.core.models import botocore_stubber

from gromit.adapters.aws.client import CLIENT, new_session
from tests.aws_laws.laws import REGION

_Key = tuple[str, str, bytes]
_Kept = tuple[int, list[tuple[str, str]], bytes]


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass(frozen=True, slots=True)
class ReplayedCost:
    """Cost of something without the emulator."""

    cpu_s: float
    calls: Counter[str]


@dataclass(slots=True)
class Replay:
    """Clients whose answers are kept. The emulator must run in this process, in this thread."""

    calls: Counter[str] = field(default_factory=Counter)
    _is_measuring: bool = False
    _kept: dict[_Key, _Kept] = field(default_factory=dict)
    _asked_emulator: int = 0

    def client(self, service: str, config: Any = CLIENT) -> Any:
        """Return a client."""
        session = new_session(REGION)
        events = session._session  # the SDK's own session
        # The bench also creates what gromit only reads, and gromit's reader leaves that out.
        events.get_component("data_loader").file_loader = JSONFileLoader()
        events.unregister("before-send", botocore_stubber)
        answer: Any = self._send  # by the stubs, handlers return nothing
        events.register("before-send", answer)
        return session.client(service, config=config)  # type: ignore[call-overload]

    def measure(self, act: Callable[[], object], times: int = 3) -> ReplayedCost:
        """Do something once with the emulator and then without; return the median cost."""
        self._kept.clear()
        self._is_measuring = True
        act()
        costs = []
        with _frozen_memory():
            for _ in range(times):
                self.calls.clear()
                self._asked_emulator = 0
                began = thread_time()
                act()
                costs.append(thread_time() - began)
                assert self._asked_emulator == 0, "it asks for something else the second time"
        self._is_measuring = False
        return ReplayedCost(median(costs), self.calls.copy())

    def _send(
        self, event_name: str, request: AWSPreparedRequest, **_more: Any
    ) -> AWSResponse | None:
        if not self._is_measuring:
            passed_on: AWSResponse | None = botocore_stubber(event_name, request)
            return passed_on
        _, service, operation = event_name.split(".")
        self.calls[f"{service.replace('-', '')}.{operation}"] += 1
        key = (operation, str(request.url), _bytes(request.body))
        if key not in self._kept:
            self._asked_emulator += 1
            answer = botocore_stubber(event_name, request)
            assert answer is not None, f"the emulator does not know {request.url}"
            self._kept[key] = answer.status_code, list(answer.headers.items()), answer.content
        status, kept_headers, content = self._kept[key]
        fields = HTTPHeaders()
        for name, text in kept_headers:
            fields[name] = text
        return AWSResponse(request.url, status, fields, _Body(content))


@contextmanager
def _frozen_memory() -> Iterator[None]:
    """Keep the collector of garbage away from what the emulator has in its memory."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)
