"""Checks of requests: what AWS accepts has no fault, and each kind of planted error is found."""

from typing import Any

import pytest

from gromit.local.aws.api_models.patterns import compile_pattern
from gromit.local.aws.api_models.refusals import refuse
from gromit.local.aws.api_models.requests import AwsRequest, CheckedRequest, check_request
from gromit.local.aws.api_models.services import SERVICES, service_model
from tests.local.aws.api_models.wire import (
    form_request,
    json_request,
    rest_request,
    sdk_request,
    signed,
)

ECS = "AmazonEC2ContainerServiceV20141113"
CLOUD_MAP = "Route53AutoNaming_v20170314"
DYNAMODB = "DynamoDB_20120810"
RECORDS: dict[str, Any] = {
    "HostedZoneId": "Z0123456789",
    "ChangeBatch": {
        "Changes": [
            {
                "Action": "UPSERT",
                "ResourceRecordSet": {
                    "Name": "app.dev.example.com",
                    "Type": "A",
                    "TTL": 60,
                    "ResourceRecords": [{"Value": "10.0.0.1"}, {"Value": "10.0.0.2"}],
                },
            }
        ]
    },
}
LIFECYCLE: dict[str, Any] = {
    "Bucket": "states",
    "LifecycleConfiguration": {
        "Rules": [
            {
                "ID": "old",
                "Status": "Enabled",
                "Filter": {"Prefix": "env:/"},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
            }
        ]
    },
}


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("dynamodb", "UpdateItem", {"TableName": "env", "Key": {"name": {"S": "app"}}}),
        ("ec2", "DescribeInstances", {"Filters": [{"Name": "vpc-id", "Values": ["a", "b"]}]}),
        ("ec2", "RunInstances", {"MinCount": 1, "MaxCount": 1, "EbsOptimized": True}),
        ("efs", "DescribeAccessPoints", {"FileSystemId": "fs-0123abcd", "MaxResults": 5}),
        ("efs", "DeleteAccessPoint", {"AccessPointId": "fsap-0123456789abcdef0"}),
        ("elbv2", "CreateLoadBalancer", {"Name": "x", "SubnetMappings": [{"SubnetId": "s"}]}),
        ("iam", "TagRole", {"RoleName": "sow", "Tags": [{"Key": "a", "Value": "b"}]}),
        ("route53", "ChangeResourceRecordSets", RECORDS),
        ("route53", "ListResourceRecordSets", {"HostedZoneId": "Z1", "StartRecordType": "A"}),
        ("s3", "CreateBucket", {"Bucket": "states"}),
        ("s3", "DeleteObject", {"Bucket": "states", "Key": "env:/a b/ü", "IfMatch": "x"}),
        ("s3", "GetBucketVersioning", {"Bucket": "states"}),
        ("s3", "ListObjectsV2", {"Bucket": "states", "Prefix": "env:/", "MaxKeys": 5}),
        ("s3", "PutBucketLifecycleConfiguration", LIFECYCLE),
        ("s3", "PutBucketPolicy", {"Bucket": "states", "Policy": "{}"}),
        (
            "s3",
            "PutObject",
            {"Bucket": "states", "Key": "a/b", "Body": b"\xff", "IfNoneMatch": "*"},
        ),
        ("s3", "UploadPart", {"Bucket": "b", "Key": "k", "PartNumber": 1, "UploadId": "u"}),
        ("sns", "SetTopicAttributes", {"TopicArn": "a", "AttributeName": "b"}),
        ("sns", "CreateTopic", {"Name": "alarms", "Attributes": {"KmsMasterKeyId": "k"}}),
        ("sts", "GetCallerIdentity", {}),
    ],
)
def test_what_an_sdk_makes_of_correct_parameters_has_no_fault(
    service: str, operation: str, parameters: dict[str, Any]
) -> None:
    checked = check_request(sdk_request(service, operation, parameters))
    assert checked == CheckedRequest(f"{service}.{operation}")


@pytest.mark.parametrize(
    "request_",
    [
        form_request("sns", Action="Subscribe", TopicArn="a", Protocol="email", Attributes=""),
        form_request("sns", Action="TagResource", ResourceArn="a", Tags=""),
        form_request("ec2", Action="DescribeVpcs", Filter=""),
        form_request("ec2", Action="AllocateAddress", Domain=""),
    ],
    ids=["map", "list", "list of EC2", "default that the provider leaves empty"],
)
def test_an_empty_field_that_aws_accepts_has_no_fault(request_: AwsRequest) -> None:
    assert check_request(request_).faults == ()


@pytest.mark.parametrize(
    ("request_", "operation", "fault"),
    [
        pytest.param(request_, operation, fault, id=f"{operation}-{fault}")
        for request_, operation, fault in [
            # ── JSON ──
            (
                json_request(f"{ECS}.CreateService", {"desiredCount": 1}),
                "ecs.CreateService",
                "CreateService.serviceName: is required, but missing",
            ),
            (
                json_request(f"{ECS}.CreateService", {"serviceName": "x", "desiredCounts": 1}),
                "ecs.CreateService",
                "CreateService.desiredCounts: is not a member in the model",
            ),
            (
                json_request(f"{ECS}.CreateService", {"serviceName": "x", "desiredCount": "1"}),
                "ecs.CreateService",
                "CreateService.desiredCount: '1' is not of type integer",
            ),
            (
                json_request(
                    f"{ECS}.RegisterTaskDefinition",
                    {"family": "x", "containerDefinitions": [], "networkMode": "vpc"},
                ),
                "ecs.RegisterTaskDefinition",
                "RegisterTaskDefinition.networkMode: 'vpc' is not in the enum",
            ),
            (
                json_request(f"{ECS}.DescribeTasks", {"tasks": "a", "cluster": "b"}),
                "ecs.DescribeTasks",
                "DescribeTasks.tasks: 'a' is not a list",
            ),
            (
                json_request(
                    f"{CLOUD_MAP}.CreateService",
                    {"Name": "redis app", "NamespaceId": "ns-abcdefghijklmnop"},
                ),
                "servicediscovery.CreateService",
                "CreateService.Name: 'redis app' does not match",
            ),
            (
                json_request(f"{DYNAMODB}.Scan", {"TableName": "env", "Limit": 0}),
                "dynamodb.Scan",
                "Scan.Limit: value 0, allowed 1 to inf",
            ),
            (
                json_request(f"{DYNAMODB}.Scan", {"TableName": ""}),
                "dynamodb.Scan",
                "Scan.TableName: length 0, allowed 1 to 1024",
            ),
            (
                json_request(f"{DYNAMODB}.BatchGetItem", {"RequestItems": {}}),
                "dynamodb.BatchGetItem",
                "BatchGetItem.RequestItems: number of entries 0, allowed 1 to 100",
            ),
            (
                json_request("AmazonSSM.GetParameters", {"Names": list("abcdefghijk")}),
                "ssm.GetParameters",
                "GetParameters.Names: number of items 11, allowed 1 to 10",
            ),
            (
                json_request("AmazonSSM.GetParameter", {"Name": "a", "WithDecryption": "yes"}),
                "ssm.GetParameter",
                "GetParameter.WithDecryption: 'yes' is neither true nor false",
            ),
            (
                json_request(f"{ECS}.CreateServices", {}),
                "ecs.CreateServices",
                "is not an operation in the model",
            ),
            (
                AwsRequest("POST", "/", {"x-amz-target": f"{ECS}.ListTasks"}, b"{"),
                "ecs.POST",
                "cannot be read: ",
            ),
            # ── forms ──
            (
                form_request("ec2", Action="AllocateAddress", Domain="vcp"),
                "ec2.AllocateAddress",
                "AllocateAddress.Domain: 'vcp' is not in the enum",
            ),
            (
                form_request("ec2", Action="RunInstances", MinCount="one", MaxCount="1"),
                "ec2.RunInstances",
                "RunInstances.MinCount: 'one' is not of type integer",
            ),
            (
                form_request("ec2", Action="DescribeNetworkInterfaces", MaxResults="1001"),
                "ec2.DescribeNetworkInterfaces",
                "DescribeNetworkInterfaces.MaxResults: value 1001, allowed 5 to 1000",
            ),
            (
                form_request("ec2", Action="DescribeVpcs", Filter__1__Nmae="x"),
                "ec2.DescribeVpcs",
                "DescribeVpcs.Filters[0].Nmae: is not a member in the model",
            ),
            (
                form_request("iam", Action="TagRole", RoleName="a b", Tags__member__1__Key="k"),
                "iam.TagRole",
                "TagRole.Tags[0].Value: is required, but missing",
            ),
            (
                form_request("iam", Action="GetRole", RoleName="a b"),
                "iam.GetRole",
                "GetRole.RoleName: 'a b' does not match",
            ),
            (
                form_request("sns", Action="Subscribe", TopicArn="a", Protocols="email"),
                "sns.Subscribe",
                "Subscribe.Protocols: is not a member in the model",
            ),
            # ── REST ──
            (
                rest_request("efs", "POST", "/2015-02-01/access-points", '{"FileSystemId": "x"}'),
                "efs.CreateAccessPoint",
                "CreateAccessPoint.ClientToken: is required, but missing",
            ),
            (
                rest_request("efs", "GET", "/2015-02-01/access-points?MaxResults=0"),
                "efs.DescribeAccessPoints",
                "DescribeAccessPoints.MaxResults: value 0, allowed 1 to inf",
            ),
            (
                rest_request("s3", "GET", "/states?list-type=2&max-keys=many"),
                "s3.ListObjectsV2",
                "ListObjectsV2.MaxKeys: 'many' is not of type integer",
            ),
            (
                rest_request("s3", "GET", "/states?list-type=2&prefx=a"),
                "s3.ListObjectsV2",
                "ListObjectsV2.prefx: is not a member in the model",
            ),
            (
                rest_request(
                    "s3",
                    "PUT",
                    "/states?versioning",
                    "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
                ),
                "s3.PutBucketVersioning",
                "PutBucketVersioning.VersioningConfiguration.Status: 'On' is not in the enum",
            ),
            (
                rest_request("s3", "PATCH", "/states"),
                "s3.PATCH",
                "is not an operation in the model",
            ),
            (
                rest_request(
                    "route53",
                    "POST",
                    "/2013-04-01/hostedzone",
                    "<CreateHostedZoneRequest><Name>a.</Name></CreateHostedZoneRequest>",
                ),
                "route53.CreateHostedZone",
                "CreateHostedZone.CallerReference: is required, but missing",
            ),
            (
                rest_request("route53", "POST", "/2013-04-01/hostedzone", "<Name>"),
                "route53.POST",
                "cannot be read: ",
            ),
        ]
    ],
)
def test_a_planted_error_is_found_with_its_member_and_rule(
    request_: AwsRequest, operation: str, fault: str
) -> None:
    checked = check_request(request_)
    assert checked.operation == operation
    assert [found for found in checked.faults if found.startswith(fault)], checked.faults


@pytest.mark.parametrize(
    ("text", "planted", "fault"),
    [
        ("UPSERT", "UPSET", ".Action: 'UPSET' is not in the enum"),
        (">60<", ">soon<", ".ResourceRecordSet.TTL: 'soon' is not of type long"),
        ("<Value>10.0.0.1</Value>", "", ".ResourceRecords[0].Value: is required"),
        ("ResourceRecordSet>", "RecordSet>", ".RecordSet: is not a member"),
        ("Change>", "Chagne>", ".Changes: '<Chagne> in place of <Change>' is not a list"),
    ],
)
def test_xml_is_checked_below_its_lists(text: str, planted: str, fault: str) -> None:
    request = sdk_request("route53", "ChangeResourceRecordSets", RECORDS)
    body = request.body.replace(text.encode(), planted.encode())
    checked = check_request(AwsRequest(request.method, request.url, request.headers, body))
    assert any(fault in found for found in checked.faults), checked


def test_a_form_has_only_the_name_of_an_empty_map() -> None:
    """The AWS provider 3.39 sends it for a subscription without attributes."""
    request = form_request(
        "sns",
        Action="Subscribe",
        Version="2010-03-31",
        TopicArn="a",
        Protocol="https",
        Attributes="",
    )
    assert check_request(request) == CheckedRequest("sns.Subscribe")


def test_a_request_to_a_service_without_a_model_is_not_known() -> None:
    for request in [
        json_request("DataPipeline.CreatePipeline", {}),
        AwsRequest("GET", "/", signed("glacier"), b""),
        AwsRequest("GET", "/", {}, b""),
    ]:
        assert not check_request(request).is_known


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_pattern_of_a_model_can_be_read(service: str) -> None:
    model = service_model(service)
    shapes = [model.shape_for(name) for name in model.shape_names]
    for text in {s.metadata["pattern"] for s in shapes if "pattern" in s.metadata}:
        compile_pattern(text)


def test_java_classes_of_characters_match() -> None:
    tag = compile_pattern(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$")
    assert tag.fullmatch("Größe = a/b:c 12")
    assert not tag.fullmatch("a;b")
    assert compile_pattern(r"[\w-_]*").fullmatch("a-b_c")
    assert not compile_pattern(r"\p{ASCII}+").fullmatch("ß")


@pytest.mark.parametrize(
    "request_",
    [
        json_request(f"{ECS}.ListTasks", {"launchType": "CLOUD"}),
        form_request("ec2", Action="AllocateAddress", Domain="<vpc>"),
        form_request("iam", Action="GetRole", RoleName=""),
        rest_request("efs", "POST", "/2015-02-01/access-points", "{}"),
        rest_request("s3", "PATCH", "/states"),
    ],
)
def test_a_refusal_names_the_operation_and_the_fault(request_: AwsRequest) -> None:
    checked = check_request(request_)
    refused = refuse(request_, checked).body.decode()
    assert checked.faults
    assert checked.operation in refused


@pytest.mark.parametrize(
    "request_",
    [
        form_request("ec2", Action="AllocateAddress", Domain=""),
        form_request(
            "sns",
            Action="Subscribe",
            TopicArn="arn:aws:sns:eu-central-1:123456789012:alarms",
            Protocol="email",
            Endpoint="platform@example.com",
            Attributes="",
        ),
    ],
)
def test_what_aws_accepts_against_its_model_is_accepted(request_: AwsRequest) -> None:
    checked = check_request(request_)
    assert checked.is_known
    assert checked.faults == ()
