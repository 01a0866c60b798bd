"""Counts of AWS calls, with real clients and an emulated AWS."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from gromit.adapters.aws.call_counts import CallCounts, call_outcome
from gromit.core.metrics.pass_report import CallOutcome

REGION = "eu-central-1"


def test_calls_are_counted_by_service_and_outcome() -> None:
    counts, session = CallCounts(), boto3.Session("x", "y", region_name=REGION)
    counts.follow(session)
    with mock_aws():
        ecs, s3 = session.client("ecs"), session.client("s3")
        ecs.list_clusters()
        ecs.list_clusters()
        with pytest.raises(ClientError):
            s3.get_object(Bucket="nothing", Key="here")
        session.client("sns").list_topics()
    assert counts.totals() == {
        ("ecs", CallOutcome.OK): 2,
        ("s3", CallOutcome.REFUSED): 1,
        ("other", CallOutcome.OK): 1,
    }


def test_a_call_without_an_answer_counts_as_unavailable() -> None:
    counts, session = CallCounts(), boto3.Session("x", "y", region_name=REGION)
    counts.follow(session)
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=5)
    ecs = session.client("ecs", endpoint_url="http://127.0.0.1:9", config=once)
    with pytest.raises(EndpointConnectionError):
        ecs.list_clusters()
    assert counts.totals() == {("ecs", CallOutcome.UNAVAILABLE): 1}


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("ThrottlingException", 400, CallOutcome.THROTTLED),
        ("AccessDenied", 403, CallOutcome.DENIED),
        ("InternalError", 500, CallOutcome.UNAVAILABLE),
        ("ConditionalCheckFailedException", 400, CallOutcome.REFUSED),
        ("404", 404, CallOutcome.REFUSED),
    ],
)
def test_errors_have_an_outcome(code: str, status: int, outcome: CallOutcome) -> None:
    assert call_outcome(code, status) is outcome
