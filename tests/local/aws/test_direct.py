"""The direct way to functions of services answers as moto's own application does."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.request import environ_key_for_header
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from gromit.local.aws import direct
from gromit.local.aws.moto_patches import apply_patches, remove_patches

REGION = "eu-central-1"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Answer = tuple[str, str, list[tuple[str, str]], str]
"""Operation, status, headers and body."""

_ROW = {"k": {"S": "row"}}
_TEXT = {"a=b&c=d": {"S": "ä %41 + &"}, "n": {"N": "1"}, "bytes": {"B": b"\x00\xff"}}
_TABLE = {
    "TableName": "t",
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
_SET = {
    "UpdateExpression": "SET #n = if_not_exists(#n, :one) + :one",
    "ExpressionAttributeNames": {"#n": "n"},
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}
_TASK = {
    "family": "app",
    "containerDefinitions": [{"name": "app", "image": "app:1", "memory": 512}],
}
_LOG = {"logGroupName": "/app", "logStreamName": "1"}

CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("dynamodb", "create_table", _TABLE),
    ("dynamodb", "create_table", _TABLE),
    ("dynamodb", "describe_table", {"TableName": "t"}),
    ("dynamodb", "describe_table", {"TableName": "missing"}),
    ("dynamodb", "list_tables", {}),
    ("dynamodb", "describe_time_to_live", {"TableName": "t"}),
    ("dynamodb", "describe_continuous_backups", {"TableName": "t"}),
    ("dynamodb", "put_item", {"TableName": "t", "Item": {**_ROW, **_TEXT}}),
    (
        "dynamodb",
        "put_item",
        {"TableName": "t", "Item": _ROW, "ConditionExpression": "attribute_not_exists(k)"},
    ),
    ("dynamodb", "update_item", {"TableName": "t", "Key": _ROW, "ReturnValues": "ALL_NEW", **_SET}),
    ("dynamodb", "update_item", {"TableName": "t", "Key": _ROW, "UpdateExpression": "SET"}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": _ROW, "ConsistentRead": True}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": {"k": {"S": "missing"}}}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"t": {"Keys": [_ROW]}}}),
    (
        "dynamodb",
        "query",
        {
            "TableName": "t",
            "KeyConditionExpression": "k = :k",
            "ExpressionAttributeValues": {":k": {"S": "row"}},
        },
    ),
    ("dynamodb", "scan", {"TableName": "t", "ReturnConsumedCapacity": "TOTAL"}),
    (
        "dynamodb",
        "transact_write_items",
        {"TransactItems": [{"Delete": {"TableName": "t", "Key": _ROW}}]},
    ),
    ("dynamodb", "delete_item", {"TableName": "t", "Key": _ROW}),
    ("dynamodb", "delete_table", {"TableName": "t"}),
    ("ecs", "create_cluster", {"clusterName": "app-test"}),
    ("ecs", "list_clusters", {"maxResults": 1}),
    ("ecs", "register_task_definition", _TASK),
    ("ecs", "describe_task_definition", {"taskDefinition": "app"}),
    ("ecs", "describe_task_definition", {"taskDefinition": "missing"}),
    ("ecs", "create_service", {"cluster": "app-test", "serviceName": "s", "taskDefinition": "app"}),
    ("ecs", "describe_services", {"cluster": "app-test", "services": ["s", "missing"]}),
    ("ecs", "list_services", {"cluster": "missing"}),
    ("ecr", "create_repository", {"repositoryName": "app"}),
    ("ecr", "put_image", {"repositoryName": "app", "imageManifest": "{}", "imageTag": "1"}),
    ("ecr", "describe_images", {"repositoryName": "app"}),
    ("ecr", "batch_get_image", {"repositoryName": "missing", "imageIds": [{"imageTag": "1"}]}),
    ("ssm", "put_parameter", {"Name": "/a", "Value": "ä=1&b", "Type": "SecureString"}),
    ("ssm", "get_parameter", {"Name": "/a", "WithDecryption": True}),
    ("ssm", "get_parameter", {"Name": "/missing"}),
    ("logs", "create_log_group", {"logGroupName": "/app"}),
    ("logs", "create_log_stream", _LOG),
    ("logs", "create_log_stream", _LOG),
    ("logs", "put_log_events", {**_LOG, "logEvents": [{"timestamp": 1, "message": "a"}]}),
    ("logs", "get_log_events", _LOG),
    ("servicediscovery", "create_http_namespace", {"Name": "app", "CreatorRequestId": "1"}),
    ("servicediscovery", "list_namespaces", {}),
    ("servicediscovery", "get_namespace", {"Id": "missing"}),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "ecs"}),
    ("events", "put_rule", {"Name": "r", "ScheduleExpression": "rate(5 minutes)"}),
    ("events", "describe_rule", {"Name": "missing"}),
    ("ec2", "create_vpc", {"CidrBlock": "127.44.0.0/16"}),
    ("ec2", "describe_vpcs", {"Filters": [{"Name": "cidr", "Values": ["127.44.0.0/16"]}]}),
    ("ec2", "describe_vpcs", {"VpcIds": ["vpc-missing"]}),
    ("iam", "create_role", {"RoleName": "r", "AssumeRolePolicyDocument": "{}"}),
    ("iam", "get_role", {"RoleName": "missing"}),
    ("sts", "get_caller_identity", {}),
    ("cloudwatch", "list_metrics", {"Namespace": "gromit"}),
    ("autoscaling", "describe_auto_scaling_groups", {}),
    # moto finds the functions of these, by method and path.
    ("s3", "create_bucket", {"Bucket": "b", "CreateBucketConfiguration": {}}),
    ("s3", "list_buckets", {}),
    ("route53", "list_hosted_zones", {}),
    ("efs", "describe_file_systems", {}),
)
"""Service, operation and its arguments."""


def test_both_answer_the_same(emptied: None) -> None:
    short = direct.DirectApplication()
    answers = _answers(short)
    assert [_plain(a) for a in answers] == [_plain(a) for a in _answers(_moto())]
    statuses = {answer[1][:1] for answer in answers}
    assert statuses == {"2", "4"}


@pytest.fixture
def emptied() -> Iterator[None]:
    apply_patches()
    BackendDict.reset()
    reset_model_data()
    yield
    remove_patches()


def _moto() -> Application:
    application: Application = DomainDispatcherApplication(create_backend_app)
    return application


def _answers(application: Application) -> list[Answer]:
    """Return how an application with an empty state answers the calls."""
    BackendDict.reset()
    reset_model_data()
    found: list[Answer] = []
    with _clients(application, found) as client:
        for number, (service, operation, arguments) in enumerate(CALLS):
            mock_random.seed(number)
            try:
                getattr(client(service), operation)(**arguments)
            except ClientError:
                continue
            finally:
                mock_random.seed()
    assert len(found) == len(CALLS)
    return found


@contextmanager
def _clients(application: Application, found: list[Answer]) -> Iterator[Callable[[str], Any]]:
    """Clients whose requests go to an application, and not into the network."""
    session = boto3.Session("emulated", "emulated", region_name=REGION)
    known: dict[str, Any] = {}

    def send(request: Any, event_name: str, **_: object) -> AWSResponse:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(application(_environ(request), lambda *start: started.append(start)))
        status, headers = started[0]
        found.append((event_name, status, headers, body.decode()))
        fields = HTTPHeaders()
        for name, value in headers:
            fields[name] = value
        return AWSResponse(request.url, int(status[:3]), fields, _Stream(body))

    def client(service: str) -> Any:
        if service not in known:
            known[service] = session.client(service, endpoint_url="http://127.0.0.1:1")  # type: ignore[call-overload]
            known[service].meta.events.register("before-send", send)
        return known[service]

    yield client
    for made in known.values():
        made.close()


class _Stream(BytesIO):
    def stream(self) -> Iterator[bytes]:
        """Yield the body, as urllib3 does."""
        yield self.getvalue()


def _environ(request: Any) -> dict[str, Any]:
    """Return a request of botocore as the emulator's server passes it on."""
    parts = urlsplit(request.url)
    body = request.body or b""
    content = body if isinstance(body, bytes) else body.encode()
    headers = {
        environ_key_for_header(name): value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "RAW_URI": parts.path + (f"?{parts.query}" if parts.query else ""),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(content),
        **headers,
        "CONTENT_LENGTH": str(len(content)),
    }


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|\b1[6-9]\d{8}(\d{3}|\.\d+)?\b")
_OF_MOMENTS = frozenset({"content-length", "x-amz-crc32"})
"""Headers that depend on the moment in a body."""


def _plain(answer: Answer) -> tuple[str, str, list[tuple[str, str]], str]:
    """Return an answer without moments, and without what moto's server adds for browsers."""
    event, status, headers, body = answer
    kept = sorted(
        (name.lower(), value)
        for name, value in headers
        if not name.lower().startswith("access-control-") and name.lower() not in _OF_MOMENTS
    )
    return event, status.upper(), kept, _MOMENT.sub("<moment>", body)


def test_the_length_of_an_answer_is_that_of_its_body(emptied: None) -> None:
    for _, _, headers, body in _answers(direct.DirectApplication()):
        named = {name.lower(): value for name, value in headers}
        if "content-length" in named:
            assert int(named["content-length"]) == len(body.encode())


@pytest.mark.parametrize("service", ["dynamodb", "ecs", "ecr", "ssm", "logs", "ec2", "iam", "sts"])
def test_a_service_of_one_path_needs_no_flask(
    emptied: None, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    asked: list[str] = []
    application = direct.DirectApplication()
    monkeypatch.setattr(
        DomainDispatcherApplication,
        "__call__",
        lambda _self, environ, _start: asked.append(environ["PATH_INFO"]),
    )
    with _clients(application, []) as client:
        for operation in OPERATION[service]:
            getattr(client(service), operation)()
    assert asked == []


OPERATION = {
    "dynamodb": ["list_tables"],
    "ecs": ["list_clusters"],
    "ecr": ["describe_repositories"],
    "ssm": ["describe_parameters"],
    "logs": ["describe_log_groups"],
    "ec2": ["describe_vpcs"],
    "iam": ["list_roles"],
    "sts": ["get_caller_identity"],
}


def test_a_prepared_service_needs_no_new_application(
    emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "_PREPARED", {})
    direct.prepare(["route53", "ssm"])
    monkeypatch.setattr(direct, "create_backend_app", None)
    application = direct.DirectApplication()
    with _clients(application, []) as client:
        assert client("route53").list_hosted_zones()["HostedZones"] == []
        assert client("ssm").describe_parameters()["Parameters"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"REQUEST_METHOD": "GET"},
        {"PATH_INFO": "/path"},
        {"HTTP_AUTHORIZATION": ""},
        {"HTTP_AUTHORIZATION": "AWS emulated:signature"},
        {"HTTP_CONTENT_ENCODING": "gzip"},
    ],
)
def test_moto_answers_other_requests(
    emptied: None, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    monkeypatch.setattr(
        DomainDispatcherApplication, "__call__", lambda *_: [json.dumps("moto").encode()]
    )
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=a/20260101/eu/ecs/aws4_request",
        "HTTP_X_AMZ_TARGET": "AmazonEC2ContainerServiceV20141113.ListClusters",
        **change,
    }
    assert list(direct.DirectApplication()(environ, lambda *_: None)) == [b'"moto"']
