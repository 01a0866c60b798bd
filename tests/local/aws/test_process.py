"""The process of the emulated AWS: one state, one simulator, one DNS server, and no leftovers."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from gromit.errors import ConfigError
from gromit.local.aws.process import DebouncedSaver
from gromit.local.aws.spec import EmulatorSpec
from gromit.local.cloud.network import Ranges, claim_ranges, free_port
from gromit.local.cloud.processes import descendants, wait_for_exit
from tests.local.conftest import client, eventually, get
from tests.waiting import PATIENCE_S

PORT = 18182


@contextmanager
def running(spec: EmulatorSpec) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(spec.command, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: _answers(spec))
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def make_spec(folder: Path, ranges: Ranges) -> EmulatorSpec:
    """Return the settings of an emulator that keeps everything in a folder."""
    (folder / "config").mkdir()
    return EmulatorSpec(
        region="eu-central-1",
        port=free_port(),
        dns_port=free_port(),
        state=str(folder / "aws.state"),
        config_root=str(folder / "config"),
        public=str(ranges.public),
        mongo=ranges.mongo,
    )


def test_tasks_run_in_it_survive_its_restart_and_end_with_it(tmp_path: Path) -> None:
    with claim_ranges(str(tmp_path)) as claim:
        spec = make_spec(tmp_path, claim.ranges)
        with running(spec) as process:
            ecs, ec2 = client(_url(spec), "ecs"), client(_url(spec), "ec2")
            vpc = ec2.create_vpc(CidrBlock=str(claim.ranges.vpc))["Vpc"]["VpcId"]
            cidr = str(next(claim.ranges.vpc.subnets(new_prefix=20)))
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"]
            ecs.create_cluster(clusterName="app-test")
            container = {
                "name": "redis",
                "image": "redis:7",
                "memory": 512,
                "portMappings": [{"containerPort": PORT}],
            }
            ecs.register_task_definition(
                family="redis",
                requiresCompatibilities=["FARGATE"],
                networkMode="awsvpc",
                containerDefinitions=[container],
            )
            ecs.create_service(
                cluster="app-test",
                serviceName="redis",
                taskDefinition="redis",
                desiredCount=1,
                launchType="FARGATE",
                networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
            )
            said = eventually(lambda: _said(str(claim.ranges.vpc[4])))
            tasks = descendants(process.pid)
            assert len(tasks) == 1
            with socket.create_connection((claim.ranges.mongo, 27017), PATIENCE_S):
                pass
            eventually(lambda: _saved(spec, said["task"]))
            os.kill(process.pid, signal.SIGKILL)
        assert wait_for_exit(tasks, PATIENCE_S) == [], (
            "a task outlived the emulator that was killed"
        )
        with running(spec) as process:
            assert eventually(lambda: _said(str(claim.ranges.vpc[4])))["task"] == said["task"]
            tasks = descendants(process.pid)
        assert process.returncode == 0
        assert wait_for_exit(tasks, PATIENCE_S) == []


def test_a_kill_in_the_middle_of_writes_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[tuple[str, str]] = []
    with claim_ranges(str(tmp_path)) as claim:
        spec = make_spec(tmp_path, claim.ranges)
        # Before the first save, and between two saves or in the middle of one.
        for writes in (10, 60):
            with running(spec) as process:
                assert set(acknowledged) <= _written(spec)
                writer = threading.Thread(target=_write, args=(spec, acknowledged))
                writer.start()
                for count in range(len(acknowledged), len(acknowledged) + writes):
                    # A slow emulator takes its time for all of them, but not for one.
                    eventually(partial(_has_more, acknowledged, count))
                os.kill(process.pid, signal.SIGKILL)
                writer.join(PATIENCE_S)
        with running(spec):
            written = _written(spec)
    assert set(acknowledged) <= written
    assert len(acknowledged) >= 70
    assert len(written) <= len(acknowledged) + 2, "at most the last request of each writer"


def _has_more(things: list[tuple[str, str]], count: int) -> bool:
    return len(things) > count


def _write(spec: EmulatorSpec, acknowledged: list[tuple[str, str]]) -> None:
    """Write one thing after the other, until the emulator is gone."""
    ecs, ec2 = _impatient(spec, "ecs"), _impatient(spec, "ec2")
    with suppress(BotoCoreError):
        while True:
            name = f"c{len(acknowledged)}"
            ecs.create_cluster(clusterName=name)
            acknowledged.append(("cluster", name))
            made = ec2.create_security_group(GroupName=name, Description="of the test")
            acknowledged.append(("group", made["GroupId"]))


def _impatient(spec: EmulatorSpec, service: str) -> Any:
    """Return a client that sends each request once, so that a killed emulator ends it.

    The kernel closes the connections of a killed process. A short timeout would end the writer of
    an emulator that is only slow.
    """
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=spec.region,
        endpoint_url=_url(spec),
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_S),
    )


def _written(spec: EmulatorSpec) -> set[tuple[str, str]]:
    ecs, ec2 = client(_url(spec), "ecs"), client(_url(spec), "ec2")
    pages = ecs.get_paginator("list_clusters").paginate()
    clusters = {arn.rpartition("/")[2] for page in pages for arn in page["clusterArns"]}
    groups = ec2.describe_security_groups()["SecurityGroups"]
    return {
        *(("cluster", name) for name in clusters),
        *(("group", group["GroupId"]) for group in groups if group["GroupName"] != "default"),
    }


def test_saving_is_tried_again_after_it_could_not_be_done() -> None:
    calls: list[str] = []

    def save() -> None:
        calls.append("saved")
        if len(calls) == 1:
            raise ConfigError("no room", hint="free some")

    saver = DebouncedSaver(save)
    saver.start()
    saver.changed()
    eventually(lambda: len(calls) == 2)
    assert not threading.Event().wait(0.7)
    assert len(calls) == 2, "without a change nothing is saved"
    saver.stop()


def test_saving_a_large_state_leaves_most_of_the_time_to_requests() -> None:
    """After a save of 100 s the next one is due in 900 s, however much changes."""
    now, calls = [0.0], []

    def save() -> None:
        now[0] += 100
        calls.append(now[0])

    saver = DebouncedSaver(save, clock=lambda: now[0])
    saver.start()
    saver.changed()
    eventually(lambda: calls)
    saver.changed()
    assert not threading.Event().wait(0.7)
    assert calls == [100]
    saver.stop()


def _url(spec: EmulatorSpec) -> str:
    return f"http://127.0.0.1:{spec.port}"


def _answers(spec: EmulatorSpec) -> bool:
    try:
        return bool(client(_url(spec), "sts").get_caller_identity()["Account"])
    except Exception:  # noqa: BLE001 - any error means that it does not listen yet
        return False


def _saved(spec: EmulatorSpec, task: str) -> bool:
    """Whether the state on disk contains the task."""
    state = Path(spec.state)
    return state.exists() and task.encode() in state.read_bytes()


def _said(address: str) -> dict[str, str]:
    try:
        return get(address, PORT)
    except Exception:  # noqa: BLE001 - as above
        return {}
