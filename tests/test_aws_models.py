"""Models that the sessions of tests share: no client changes them for the next one."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

import boto3
import pytest
from botocore.loaders import Loader
from moto import mock_aws

from gromit.adapters.aws.client import new_session
from gromit.adapters.aws.model_files import LeanModelFiles

REGION: Final = "eu-central-1"


def _paths() -> Mapping[str, Any]:
    """Return the paths of S3's operations in the shared models, gromit's and those of others."""
    loaders = {"gromit's": Loader(file_loader=LeanModelFiles()), "others'": Loader()}
    models = {of: loader.load_service_model("s3", "service-2") for of, loader in loaders.items()}
    return {
        f"{of} {name}": operation["http"]
        for of, model in models.items()
        for name, operation in model["operations"].items()
    }


@pytest.mark.parametrize("is_ours", [True, False])
def test_requests_to_a_bucket_change_no_shared_path(
    monkeypatch: pytest.MonkeyPatch, *, is_ours: bool
) -> None:
    """Clients of S3 take the bucket out of the paths of the operations that they call."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    before = deepcopy(_paths())
    assert before["others' CreateBucket"]["requestUri"] == "/{Bucket}"
    with mock_aws():
        session = new_session(REGION) if is_ours else boto3.Session(region_name=REGION)
        client = session.client("s3")
        client.create_bucket(
            Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        client.put_object(Bucket="states", Key="a", Body=b"b")
        assert client.get_object(Bucket="states", Key="a")["Body"].read() == b"b"
    assert _paths() == before
