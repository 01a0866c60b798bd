"""Every request to AWS in every test, checked against AWS's own API models.

Emulators check what they receive, refuse what a model forbids, and record both in a folder that an
environment variable names. Inside moto's `mock_aws` there is no emulator, so moto's stub checks.
A process of pytest has a folder of its own, and runs one test at a time: a test fails if there is
a refusal since the test before it, whatever the test made of the answer.

After the tests, the records of all processes are one file, and `make requests` prints it.
"""

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from moto.core.botocore_stubber import BotocoreStubber

from gromit.local.aws.api_models.record import FOLDER_VARIABLE, RequestRecord
from gromit.local.aws.api_models.refusals import refuse
from gromit.local.aws.api_models.requests import AwsRequest, check_request

REPORT = Path(__file__).parents[1] / ".aws-requests.json"
"""Record of the last tests."""

_BUCKET_HOST = re.compile(r"(.+)\.s3[.-]")


class Refusals:
    """The refusals that no test has been blamed for."""

    def __init__(self, folder: Path) -> None:
        self._record, self._seen = RequestRecord(folder), 0

    def new(self) -> list[str]:
        """Return the refusals since the last call."""
        found = self._record.refusals()
        fresh, self._seen = found[self._seen :], len(found)
        return fresh


def start_record(worker: str | None) -> Refusals:
    """Name the folder of this process, beside that of the process that started it.

    `worker` is the name of a process of pytest-xdist.
    """
    if worker is None:
        folder = Path(tempfile.mkdtemp(prefix="aws-requests-")) / "main"
    else:
        folder = Path(os.environ[FOLDER_VARIABLE]).parent / worker
    folder.mkdir()
    os.environ[FOLDER_VARIABLE] = str(folder)
    return Refusals(folder)


def end_record() -> "Report":
    """Return the report of all processes, and delete their folders."""
    folder = Path(os.environ[FOLDER_VARIABLE]).parent
    report = Report.of([RequestRecord(path) for path in sorted(folder.iterdir())])
    shutil.rmtree(folder)
    return report


@dataclass(frozen=True, slots=True)
class Report:
    """Requests by operation."""

    requests: Mapping[str, int]
    refusals: Mapping[str, int]
    """Operation and fault, and how often."""

    @classmethod
    def of(cls, records: list[RequestRecord]) -> "Report":
        """Return the sum of records."""
        requests, refusals = Counter[str](), Counter[str]()
        for record in records:
            requests.update(record.requests())
            refusals.update(record.refusals())
        return cls(requests, refusals)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Return the report of a file."""
        return cls(**json.loads(text))

    def as_json(self) -> str:
        """Return the text of a file."""
        return json.dumps({"requests": self.requests, "refusals": self.refusals}, indent=1)

    def line(self) -> str:
        """Return the sums."""
        requests, operations = sum(self.requests.values()), len(self.requests)
        services = len({name.partition(".")[0] for name in self.requests})
        return (
            f"{requests} requests of {operations} operations of {services} services of AWS checked,"
            f" {sum(self.refusals.values())} faults"
        )

    def table(self) -> str:
        """Return a line for each operation, and below them each fault."""
        faults = Counter[str]()
        for text, times in self.refusals.items():
            faults[text.partition(":")[0]] += times
        width = max(map(len, self.requests), default=0)
        head = f"{'operation':<{width}}  {'checked':>8}  {'faults':>8}"
        rows = [
            f"{name:<{width}}  {times:>8}  {faults[name]:>8}"
            for name, times in sorted(self.requests.items())
        ]
        below = [f"{text} ({times} times)" for text, times in sorted(self.refusals.items())]
        return "\n".join([head, *rows, *below, self.line()])


def check_mocked_requests() -> None:
    """Let moto's stub, which answers inside `mock_aws`, check each request first."""
    answer = BotocoreStubber.process_request

    def check_first(stub: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        return _refusal(request) or answer(stub, request)

    BotocoreStubber.process_request = check_first


def _refusal(prepared: AWSPreparedRequest) -> tuple[int, dict[str, str], bytes] | None:
    request = _as_received(prepared)
    checked = check_request(request)
    if record := RequestRecord.from_environ(os.environ):
        record.add(checked)
    if not checked.faults:
        return None
    refused = refuse(request, checked)
    return 400, dict(refused.headers), refused.body


def _as_received(prepared: AWSPreparedRequest) -> AwsRequest:
    parts = urlsplit(prepared.url)
    bucket = _BUCKET_HOST.match(parts.netloc)
    path = f"/{bucket[1]}{parts.path}" if bucket else parts.path
    headers = {str(name).lower(): _text(value) for name, value in prepared.headers.items()}
    url = f"{path}?{parts.query}" if parts.query else path
    return AwsRequest(str(prepared.method), url, headers, _bytes(prepared.body))


def _bytes(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode()
    # What is read from a file is an object of a bucket, about which no model says anything.
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    print(Report.from_json(REPORT.read_text(encoding="utf-8")).table())  # noqa: T201
