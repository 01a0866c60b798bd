"""Patches of S3."""

import json
from typing import Any

import boto3

from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud, outcome

BUCKET = "states"
EVERYTHING = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [f"arn:aws:s3:::{BUCKET}/*"],
}
IN_CLEAR = {**EVERYTHING, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
SECRETS = {**EVERYTHING, "Resource": f"arn:aws:s3:::{BUCKET}/secret"}


def policy(*statements: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_a_policy_that_wants_tls_allows_requests_over_tls_and_refuses_what_else_it_names(
    both: Both[Any],
) -> None:
    def look(_cloud: Cloud) -> Any:
        s3: Any = boto3.client("s3", REGION)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        found = []
        for statements in ((IN_CLEAR,), (IN_CLEAR, SECRETS)):
            s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(*statements))
            found += [
                outcome(s3.put_object, Bucket=BUCKET, Key=key, Body=b"")
                for key in ("state", "secret")
            ]
        return found

    stock, patched = both(look)
    assert stock != patched
    assert patched == ["done", "done", "done", "403"]
