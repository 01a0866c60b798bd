"""Emulators of AWS by other people, as second witnesses of what AWS does.

    with running("dynalite") as url:
        ...

Each is a program on the PATH: `dynalite` for DynamoDB, and `ministack` for S3. A test whose program
is missing is skipped.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config

from gromit.local.cloud.network import free_port
from tests.waiting import wait_for

HOST = "127.0.0.1"


@contextmanager
def running(program: str) -> Iterator[str]:
    """Run an empty emulator during the block, and yield its address; skip the test without it."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"there is no {program} on the PATH")
    port = free_port()
    arguments, variables = _start(program, port)
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [path, *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": folder, **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"{program} answers", lambda: _listens(child, port))
            yield f"http://{HOST}:{port}"
        finally:
            child.kill()
            child.wait()


def witness_client(service: str, url: str) -> Any:
    """Return a client of a witness."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
        config=Config(s3={"addressing_style": "path"}),
    )


def show_items_of_refused_writes(dynamodb: Any) -> None:
    """Add the item to the error of a condition that failed, which dynalite leaves out."""
    asked: dict[str, Any] = {}

    def remember(params: Mapping[str, Any], **_: object) -> None:
        asked.update(TableName=params["TableName"], Key=params["Key"])

    def add_item(parsed: dict[str, Any], **_: object) -> None:
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            item = dynamodb.get_item(ConsistentRead=True, **asked).get("Item")
            if item:
                parsed["Item"] = item

    dynamodb.meta.events.register("provide-client-params.dynamodb.UpdateItem", remember)
    dynamodb.meta.events.register("after-call.dynamodb.UpdateItem", add_item)


def delete_bucket(s3: Any, bucket: str) -> None:
    """Delete a bucket with all versions of all objects."""
    found = s3.list_object_versions(Bucket=bucket)
    for version in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def _start(program: str, port: int) -> tuple[list[str], Mapping[str, str]]:
    """Return arguments and variables that make a program listen on a port."""
    match program:
        case "dynalite":
            times = [f"--{change}TableMs=0" for change in ("create", "delete", "update")]
            return ["--host", HOST, "--port", str(port), *times], {}
        case "ministack":
            return [], {"BIND_HOST": HOST, "GATEWAY_PORT": str(port)}
        case _:
            raise LookupError(program)


def _listens(child: subprocess.Popen[bytes], port: int) -> bool:
    assert child.poll() is None, "the witness has ended"
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
