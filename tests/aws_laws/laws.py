"""A gate before the emulator: it counts calls, limits their rate, and injects faults.

Rate limits are AWS's, on a virtual clock. The emulator itself, with
`gromit.local.aws.moto_patches`, limits pages and sizes of calls.
"""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.loaders import Loader
from moto import mock_aws
from moto.core.models import botocore_stubber

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.pacing import Pacer
from gromit.adapters.aws.route53 import Timing
from gromit.local.aws.moto_patches import apply_patches, remove_patches

REGION = "eu-central-1"
LATENCY_S = 0.05
_LOADER = Loader()  # keeps the service descriptions, which load slowly
ONE_TRY = aws.CLIENT.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))


@dataclass
class Bucket:
    """A token bucket: a number of calls at once, and a rate per second."""

    burst: float
    refill: float
    operations: frozenset[str]
    """An operation, such as `route53.ListResourceRecordSets`; empty for all of its service."""
    tokens: float = field(init=False)
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now_s: float) -> bool:
        """Whether a call is allowed now."""
        self.tokens = min(self.burst, self.tokens + (now_s - self.at_s) * self.refill)
        self.at_s = now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def rates() -> Mapping[str, list[Bucket]]:
    """Return AWS's published rates of calls of environments; the buckets start full."""
    return {
        "route53": [Bucket(50, 10, frozenset())],
        "ecs": [
            Bucket(100, 20, frozenset({"ecs.ListTasks", "ecs.DescribeTasks"})),
            Bucket(50, 20, frozenset({"ecs.ListClusters", "ecs.DescribeClusters"})),
            Bucket(100, 20, frozenset({"ecs.ListServices", "ecs.DescribeServices"})),
            Bucket(
                20,
                1,
                frozenset({"ecs.RegisterTaskDefinition", "ecs.DeregisterTaskDefinition"}),
            ),
            Bucket(20, 1, frozenset({"ecs.CreateCluster", "ecs.DeleteCluster"})),
        ],
        "ec2": [Bucket(100, 20, frozenset({"ec2.DescribeNetworkInterfaces"}))],
    }


@dataclass
class Fault:
    """A fault of the next calls of an operation."""

    operation: str
    code: str
    """AWS's error code, or `timeout`."""
    times: int = 1
    skip: int = 0
    """Number of calls that pass first."""
    after: bool = False
    """Whether the call has its effect, and only the response is lost."""


@dataclass
class Laws:
    """The gate. Clients from `client` go through it; those from `free` bypass it."""

    clock_s: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    """Number of calls of the SDK, without retries."""
    attempts: Counter[str] = field(default_factory=Counter)
    """Number of requests on the wire."""
    throttled: int = 0
    slept: list[float] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    buckets: Mapping[str, list[Bucket]] = field(default_factory=rates)
    meanwhile: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Called just before the next call of an operation."""
    _passing: threading.Lock = field(default_factory=threading.Lock)

    def sleep(self, seconds: float) -> None:
        """Advance the virtual clock."""
        self.slept.append(seconds)
        self._pass(seconds)

    @property
    def clock(self) -> Timing:
        """The virtual clock, for adapters that need one."""
        return Timing(lambda: self.clock_s, self.sleep)

    def client(self, service: str, config: Config = ONE_TRY, pacer: Pacer | None = None) -> Any:
        """Return a client behind the gate.

        It tries once by default, because the SDK's own pauses are real ones.
        """
        session = _session()
        if pacer is not None:
            pacer.follow(session)
        session.events.unregister("before-send", botocore_stubber)
        session.events.register("before-call", self._called)
        gate: Any = self._sent  # by the stubs, handlers return nothing
        session.events.register("before-send", gate)
        return session.client(service, config=config)  # type: ignore[call-overload]

    def free(self, service: str) -> Any:
        """Return a client without limits, faults and counts."""
        return _session().client(service)  # type: ignore[call-overload]

    def fail(
        self,
        operation: str,
        code: str = "Throttling",
        *,
        times: int = 1,
        skip: int = 0,
        after: bool = False,
    ) -> None:
        """Let the next calls of an operation (`route53.ListResourceRecordSets`) fail."""
        self.faults.append(Fault(operation, code, times, skip, after))

    def _pass(self, seconds: float) -> None:
        with self._passing:
            self.clock_s += seconds

    def _called(self, event_name: str, **_: Any) -> None:
        self.calls[_operation(event_name)] += 1

    def _sent(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        operation = _operation(event_name)
        self.attempts[operation] += 1
        self._pass(LATENCY_S)
        self.meanwhile.pop(operation, lambda: None)()
        fault = self._fault(operation)
        if fault is not None and fault.after:
            botocore_stubber(event_name, request)
        if fault is not None and fault.code == "timeout":
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault is not None:
            return _error(operation, request.url, fault.code)
        if not self._granted(operation):
            self.throttled += 1
            return _error(
                operation,
                request.url,
                "ThrottlingException" if operation.startswith("ecs") else "Throttling",
            )
        answer: AWSResponse | None = botocore_stubber(event_name, request)
        return answer

    def _fault(self, operation: str) -> Fault | None:
        for fault in self.faults:
            if fault.operation != operation or not fault.times:
                continue
            if fault.skip:
                fault.skip -= 1
                return None
            fault.times -= 1
            return fault
        return None

    def _granted(self, operation: str) -> bool:
        buckets = self.buckets.get(operation.partition(".")[0], [])
        return all(
            b.take(self.clock_s) for b in buckets if not b.operations or operation in b.operations
        )


@contextmanager
def governed() -> Iterator[Laws]:
    """Run an empty, patched emulator under AWS's rules."""
    apply_patches()
    try:
        with mock_aws():
            yield Laws()
    finally:
        remove_patches()


def _session() -> boto3.Session:
    inner = botocore.session.Session()
    inner.register_component("data_loader", _LOADER)
    return boto3.Session(region_name=REGION, botocore_session=inner)


def _operation(event_name: str) -> str:
    _, service, operation = event_name.split(".")
    return f"{service.replace('-', '')}.{operation}"


def _error(operation: str, url: str, code: str) -> AWSResponse:
    status = _status(code)
    match operation.partition(".")[0]:
        case "route53":
            body = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>law</Message></Error>"
            body = f"<ErrorResponse>{body}</ErrorResponse>"
        case "s3":
            body = f"<Error><Code>{code}</Code><Message>law</Message></Error>"
        case "ec2":
            body = f"<Error><Code>{code}</Code><Message>law</Message></Error>"
            body = f"<Response><Errors>{body}</Errors></Response>"
        case _:
            body = json.dumps({"__type": code, "message": "law"})
    return AWSResponse(url, status, HTTPHeaders(), _Raw(body.encode()))


def _status(code: str) -> int:
    if code in {"ConditionalRequestConflict", "OperationAborted"}:
        return 409
    return 503 if code.startswith(("Service", "Internal")) else 400


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
