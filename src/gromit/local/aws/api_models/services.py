"""The service that a request is for, and its model."""

import re
from collections.abc import Mapping
from functools import cache

from botocore.model import ServiceModel
from moto.core.utils import get_service_model

_TARGETS = {
    "AWSEvents": "events",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "CertificateManager": "acm",
    "DynamoDB_20120810": "dynamodb",
    "GraniteServiceVersion20100801": "cloudwatch",
    "Logs_20140328": "logs",
    "ResourceGroupsTaggingAPI_20170126": "resourcegroupstaggingapi",
    "Route53AutoNaming_v20170314": "servicediscovery",
    "ServiceQuotasV20190624": "service-quotas",
    "TrentService": "kms",
    "secretsmanager": "secretsmanager",
}
"""Text before the operation in the header of JSON protocols, and the service."""

_SCOPES = {
    "ec2": "ec2",
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
    "iam": "iam",
    "monitoring": "cloudwatch",
    "route53": "route53",
    "s3": "s3",
    "scheduler": "scheduler",
    "sns": "sns",
    "sqs": "sqs",
    "sts": "sts",
}
"""Service in the scope of a signature, and the name of its model."""

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")

SERVICES = frozenset({*_TARGETS.values(), *_SCOPES.values()})
"""Services whose requests are checked."""


def service_of(headers: Mapping[str, str]) -> str | None:
    """Return the service that a request is for; None if no model is known for it."""
    if target := headers.get("x-amz-target"):
        return _TARGETS.get(target.rpartition(".")[0])
    return _SCOPES.get(signed_service(headers))


def signed_service(headers: Mapping[str, str]) -> str:
    """Return the service in the scope of the signature; `unsigned` without one."""
    found = _SCOPE.search(headers.get("authorization", ""))
    return found[1] if found else "unsigned"


@cache
def service_model(service: str) -> ServiceModel:
    """Return the model of a service. The emulator uses the same, so that it is read once."""
    model: ServiceModel = get_service_model(service)
    return model
