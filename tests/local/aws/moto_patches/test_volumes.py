"""Patches of EFS."""

import json
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud, outcome

POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})


def test_a_policy_of_a_file_system_can_be_taken_away(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        efs = boto3.client("efs", REGION)
        volume = efs.create_file_system(CreationToken="config")["FileSystemId"]
        efs.put_file_system_policy(FileSystemId=volume, Policy=POLICY)
        try:
            efs.delete_file_system_policy(FileSystemId=volume)
        except (NotImplementedError, ClientError) as error:
            return type(error).__name__
        gone = outcome(efs.describe_file_system_policy, FileSystemId=volume)
        return gone, outcome(efs.delete_file_system_policy, FileSystemId="fs-00000000")

    stock, patched = both(look)
    assert stock != patched
    assert patched == ["PolicyNotFound", "FileSystemNotFound"]
