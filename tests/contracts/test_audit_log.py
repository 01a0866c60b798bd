"""The port `AuditLog`: the fake, a file, and CloudWatch Logs."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from gromit.adapters.audit_file import AuditFile
from gromit.adapters.audit_lines import parse_audit_line
from gromit.adapters.aws.audit_group import AuditLogGroup, audit_pattern
from gromit.core.security.audit import AuditQuery
from gromit.core.time import iso
from gromit.errors import BackendError, InvalidInput
from gromit.ports.audit import AuditLog
from tests.fakes.audit import FakeAuditLog

NOW_MS = time.time_ns() // 1_000_000 // 1000 * 1000
"""CloudWatch refuses lines that are older than two weeks."""
GROUP = "/gromit-control/serve"
ALL = AuditQuery(NOW_MS)

World = tuple[AuditLog, Callable[[str], None]]
"""The port, and a function that writes a line of serve's log."""


def line(at_s: int, env: str, by: str = "operator:ada", **fields: Any) -> str:
    """Return a line of a change."""
    known = {"event": "environment.changed", "env": env, "by": by}
    return json.dumps({**known, **fields, "timestamp": iso(NOW_MS + at_s * 1000)})


@pytest.fixture(params=["fake", "file", "cloudwatch"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The port over each kind of log."""
    if request.param == "fake":
        fake = FakeAuditLog()

        def remember(text: str) -> None:
            entry = parse_audit_line(text)
            if entry:
                fake.entries.append(entry)

        yield fake, remember
    elif request.param == "file":
        path = tmp_path / "serve.log"
        path.touch()

        def append(text: str) -> None:
            with path.open("a") as file:
                file.write(f"{text}\n")

        yield AuditFile(path, lines_per_page=2), append
    else:
        with mock_aws():
            client: Any = boto3.client("logs", "eu-central-1")
            client.create_log_group(logGroupName=GROUP)
            client.create_log_stream(logGroupName=GROUP, logStreamName="one")

            def put(text: str) -> None:
                entry = parse_audit_line(text)
                event = {"timestamp": entry.at_ms if entry else NOW_MS, "message": text}
                client.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=[event])

            yield AuditLogGroup(client, GROUP), put


def searched(log: AuditLog, query: AuditQuery = ALL) -> list[Mapping[str, Any]]:
    """Return the fields of all entries, page by page."""
    found, cursor = [], None
    while True:
        page = log.search(query, cursor)
        found += [entry.fields for entry in page.entries]
        cursor = page.next
        if cursor is None:
            return found


def test_an_empty_log_has_no_entries(world: World) -> None:
    log, _ = world
    assert searched(log) == []


def test_entries_come_in_order_and_page_by_page(world: World) -> None:
    log, write = world
    for at_s in range(5):
        write(line(at_s, f"app-{at_s}"))
        write('Traceback (most recent call last): {"not": "an entry"}')
    assert [fields["env"] for fields in searched(log)] == [f"app-{n}" for n in range(5)]


def test_a_query_chooses_environment_person_and_time(world: World) -> None:
    log, write = world
    write(line(1, "app", "developer:ada@example.com"))
    write(line(2, "app", "operator:ben"))
    write(line(3, "app-2", "developer:ada@example.com"))
    write(line(4, "app", "ip-10-0-0-1-0a1b"))

    def times(query: AuditQuery) -> list[str]:
        return [str(fields["timestamp"]) for fields in searched(log, query)]

    def at(*seconds: int) -> list[str]:
        return [iso(NOW_MS + s * 1000) for s in seconds]

    since, until = NOW_MS, NOW_MS + 60_000
    assert times(ALL) == at(1, 2, 3)
    assert times(AuditQuery(since, until, environment="app")) == at(1, 2)
    assert times(AuditQuery(since, until, by="ada@")) == at(1, 3)
    assert times(AuditQuery(since, until, environment="app", by="ada@")) == at(1)
    assert times(AuditQuery(since + 2000, since + 3000)) == at(2)
    assert times(AuditQuery(since, until, has_workers=True)) == at(1, 2, 3, 4)


@pytest.mark.parametrize("world", ["fake", "file"], indirect=True)
def test_a_cursor_of_another_page_is_refused(world: World) -> None:
    log, write = world
    write(line(1, "app"))
    for cursor in ("typo", "9" * 20):
        with pytest.raises(InvalidInput, match="cursor"):
            log.search(ALL, cursor)


def test_a_cursor_that_cloudwatch_refuses_is_said() -> None:
    """The emulator accepts any cursor."""
    client: Any = boto3.client(
        "logs", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    stub = Stubber(client)
    stub.add_client_error("filter_log_events", "InvalidParameterException")
    with stub, pytest.raises(InvalidInput, match="cursor"):
        AuditLogGroup(client, GROUP).search(ALL, "typo")


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="could not read the audit"):
        AuditFile(tmp_path / "absent").search(ALL, None)


def test_cloudwatch_gets_a_pattern_of_texts_that_it_can_compare() -> None:
    assert audit_pattern(AuditQuery(0, 1)) == (
        '{ ($.event = "environment.changed" || $.event = "request.refused"'
        ' || $.event = "loglevel.changed") }'
    )
    found = audit_pattern(AuditQuery(0, 1, environment="app", by="ada@example.com"))
    assert found.endswith(
        ' && ($.env = "app" || $.path = "*/app*") && ($.by = "*ada@example.com*"'
        ' || $.person = "*ada@example.com*" || $.requester = "*ada@example.com*"'
        ' || $.run = "*ada@example.com*" || $.serial = "*ada@example.com*") }'
    )
    for strange in ('a"b', "a*b", "ä", "a\nb"):
        found = audit_pattern(AuditQuery(0, 1, environment=strange, by=strange))
        assert found == audit_pattern(AuditQuery(0, 1))
    # CloudWatch refuses a longer one.
    found = audit_pattern(AuditQuery(0, 1, environment="app", by="a" * 255))
    assert found == audit_pattern(AuditQuery(0, 1, environment="app"))
    for length in range(256):
        assert len(audit_pattern(AuditQuery(0, 1, environment="b" * 200, by="a" * length))) <= 1024
