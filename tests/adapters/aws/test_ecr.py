"""Requests of the adapter to ECR, and its treatment of unusual responses."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from gromit.adapters.aws.ecr import EcrImages
from gromit.errors import BackendError, Denied, Temporary
from tests.contracts.ecr_images import push

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ecr.client import ECRClient


@pytest.fixture
def client() -> "Iterator[ECRClient]":
    with mock_aws():
        yield boto3.client("ecr", region_name="eu-central-1")


def _calls(client: "ECRClient") -> list[tuple[str, int]]:
    """Collects the operation and the number of images of every call."""
    made: list[tuple[str, int]] = []

    def note(params: dict[str, list[object]], model: object, **_: object) -> None:
        made.append((getattr(model, "name", ""), len(params.get("imageIds", []))))

    client.meta.events.register("provide-client-params.ecr.*", note)
    return made


def test_each_repository_is_one_call_per_hundred_tags_and_nothing_is_listed(
    client: "ECRClient",
) -> None:
    for repository in ("tyk", "tyk-pump"):
        push(client, repository, "master", repository)
    made = _calls(client)
    asked = [("tyk", f"sha-{n}") for n in range(200)] + [
        ("tyk", "master"),
        ("tyk-pump", "master"),
        ("tyk-pump", "x"),
    ]
    assert EcrImages(client).digests(asked).keys() == {("tyk", "master"), ("tyk-pump", "master")}
    assert sorted(made) == [
        ("BatchGetImage", 1),
        ("BatchGetImage", 2),
        ("BatchGetImage", 100),
        ("BatchGetImage", 100),
    ]


def test_the_registry_of_another_account_is_named(client: "ECRClient") -> None:
    with Stubber(client) as stub:
        expected = {
            "repositoryName": "tyk",
            "imageIds": [{"imageTag": "x"}],
            "registryId": "210987654321",
        }
        found = {"imageId": {"imageTag": "x", "imageDigest": "sha256:1"}}
        stub.add_response("batch_get_image", {"images": [found], "failures": []}, expected)
        assert EcrImages(client, "210987654321").digests([("tyk", "x")]) == {
            ("tyk", "x"): "sha256:1"
        }


def test_a_failure_that_does_not_mean_absent_is_an_error(client: "ECRClient") -> None:
    with Stubber(client) as stub:
        failure = {
            "imageId": {"imageTag": "x"},
            "failureCode": "KmsError",
            "failureReason": "the key is gone",
        }
        stub.add_response("batch_get_image", {"images": [], "failures": [failure]})
        with pytest.raises(
            BackendError, match="could not look up image tyk:x: KmsError: the key is gone"
        ):
            EcrImages(client).digests([("tyk", "x")])


@pytest.mark.parametrize(
    ("code", "status", "raised"),
    [
        ("ThrottlingException", 400, Temporary),
        ("ServerException", 500, Temporary),
        ("AccessDeniedException", 400, Denied),
    ],
)
def test_errors_of_aws_are_ours(
    client: "ECRClient", code: str, status: int, raised: type[Exception]
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("batch_get_image", code, http_status_code=status)
        with pytest.raises(raised, match=f"could not look up images of tyk: {code}"):
            EcrImages(client).digests([("tyk", "x")])


def test_one_failing_repository_fails_the_whole_answer(client: "ECRClient") -> None:
    push(client, "tyk", "master", "x")
    with Stubber(client) as stub:
        stub.add_response("batch_get_image", {"images": [], "failures": []})
        stub.add_client_error("batch_get_image", "AccessDeniedException", http_status_code=400)
        with pytest.raises(Denied):
            EcrImages(client).digests([("tyk", "master"), ("tyk-pump", "master")])


def test_images_that_expire_during_the_question_hide_no_others(client: "ECRClient") -> None:
    push(client, "tyk", "app-test", "x")
    made = _calls(client)
    asked = [("tyk", "app-test"), ("tyk", "expired")]
    assert EcrImages(client).pushed(asked).keys() == {("tyk", "app-test")}
    assert made == [("DescribeImages", 2), ("DescribeImages", 1), ("DescribeImages", 1)]


def test_pushes_are_asked_of_the_other_accounts_registry(client: "ECRClient") -> None:
    with Stubber(client) as stub:
        expected = {
            "repositoryName": "tyk",
            "imageIds": [{"imageTag": "x"}],
            "registryId": "210987654321",
        }
        found = {"imageTags": ["x", "unasked"], "imagePushedAt": datetime(2026, 1, 2, tzinfo=UTC)}
        stub.add_response("describe_images", {"imageDetails": [found]}, expected)
        pushed = EcrImages(client, "210987654321").pushed([("tyk", "x")])
    assert pushed == {("tyk", "x"): 1_767_312_000_000}


@pytest.mark.parametrize("commit", ["", "x" * 201, 7, ["4d5e6f"], {"a": "b"}])
def test_an_annotation_that_is_no_commit_is_left_out(client: "ECRClient", commit: object) -> None:
    digest = push(client, "tyk", "master", "one", commit)
    assert EcrImages(client).revisions([("tyk", digest)]) == {}


def test_an_annotation_cannot_bring_control_characters(client: "ECRClient") -> None:
    digest = push(client, "tyk", "master", "one", "4d5e\x1b[31m6f")
    (revision,) = EcrImages(client).revisions([("tyk", digest)]).values()
    assert revision.isprintable()
