"""A request that AWS's models forbid fails the test that sends it, and is in the report."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from gromit.local.aws.api_models.record import FOLDER_VARIABLE, RequestRecord
from gromit.local.aws.api_models.requests import CheckedRequest
from gromit.local.aws.emulator import Emulator
from tests.aws_requests import Refusals, Report, end_record, start_record

FAULT = "ec2.AllocateAddress: AllocateAddress.Domain: 'vcp' is not in the enum"
TESTS = """
from botocore.exceptions import ClientError
from moto import mock_aws
import boto3


def test_of_a_wrong_request():
    with mock_aws():
        try:
            boto3.client("ec2", region_name="eu-central-1").allocate_address(Domain="vcp")
        except ClientError:
            pass


def test_of_a_correct_request():
    with mock_aws():
        boto3.client("ec2", region_name="eu-central-1").allocate_address(Domain="vpc")
"""


def client(service: str, url: str | None = None) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
    )


@pytest.fixture
def refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refusals:
    """Refusals of this test alone, which do not let it fail."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return Refusals(tmp_path)


def send_wrong_request(ec2: Any) -> None:
    with pytest.raises(ClientError, match="'vcp' is not in the enum") as raised:
        ec2.allocate_address(Domain="vcp")
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_an_emulator_refuses_a_wrong_request_and_records_it(refusals: Refusals) -> None:
    with Emulator() as emulator:
        ec2 = client("ec2", emulator.url)
        send_wrong_request(ec2)
        assert refusals.new() == [FAULT]
        assert ec2.describe_addresses()["Addresses"] == []
    assert refusals.new() == []


def test_moto_alone_refuses_a_wrong_request_and_records_it(refusals: Refusals) -> None:
    with mock_aws():
        send_wrong_request(client("ec2"))
        assert client("s3").list_buckets()["Buckets"] == []
    assert refusals.new() == [FAULT]


def test_the_records_of_all_processes_are_one_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(operation: str, *, is_known: bool = True) -> None:
        record = RequestRecord.from_environ(os.environ)
        assert record is not None
        record.add(CheckedRequest(operation, is_known=is_known))

    monkeypatch.setenv(FOLDER_VARIABLE, "the folder of this test's own process")
    start_record(None)
    send("ecs.ListTasks")
    of_first = os.environ[FOLDER_VARIABLE]
    for worker in ("gw0", "gw1"):
        os.environ[FOLDER_VARIABLE] = of_first
        start_record(worker)
        send("ecs.ListTasks")
        send("glacier", is_known=False)
    os.environ[FOLDER_VARIABLE] = of_first
    assert end_record() == Report(
        {"ecs.ListTasks": 3, "glacier": 2}, {"glacier: no model is known": 2}
    )
    assert not Path(of_first).exists()


def test_a_test_fails_though_it_ignores_the_refusal(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(TESTS)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-n", "0"),
            *("-p", "no:cacheprovider", str(tmp_path / "test_planted.py")),
        ],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    assert "FAILED" in ended.stdout
    assert FAULT in ended.stdout
    assert "1 failed, 1 passed" in ended.stdout
    assert "2 requests of 1 operations of 1 services of AWS checked, 1 faults" in ended.stdout


def test_the_report_has_each_operation_and_each_fault() -> None:
    report = Report({"ecs.ListTasks": 3, "ec2.DescribeVpcs": 4}, {"ecs.ListTasks: x: is wrong": 2})
    assert Report.from_json(report.as_json()) == report
    assert report.table().splitlines() == [
        "operation          checked    faults",
        "ec2.DescribeVpcs         4         0",
        "ecs.ListTasks            3         2",
        "ecs.ListTasks: x: is wrong (2 times)",
        "7 requests of 2 operations of 2 services of AWS checked, 2 faults",
    ]
