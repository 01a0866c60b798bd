"""Questions that AWS asks IAM before it serves a request.

Each has an action, the ARN of a resource, and condition keys of the request.

    for question in asked(call, born):
        assert policies.allows(question.action, question.resource, question.context)

The questions come from the request itself, by AWS's service authorization reference and the
services' pages on tagging at creation. An unknown request raises `KeyError`: add it here.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.platform import authorization
from tests.platform.control.recorder import Call
from tests.platform.emulator import ACCOUNT, REGION

HERE = f"{REGION}:{ACCOUNT}"
NEW = "new"
"""Placeholder for the id of a resource that does not exist yet."""

Json = Mapping[str, Any]
Context = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Question:
    """A question that IAM answers with yes or no."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


def asked(call: Call, born: frozenset[str]) -> list[Question]:
    """Return all that must be allowed for a call.

    `born` holds the names and ids of resources that have the tag `env` by now.
    """
    fields = _fields(call)
    context = _context(call, fields)
    own = [Question(call.action, resource, context) for resource in _resources(call, fields)]
    return [_with_tag(question, born) for question in (*own, *_besides(call, fields, context))]


def made(call: Call) -> frozenset[str]:
    """Return names and ids in the answer to a call that created something with the tag `env`."""
    is_made = call.status < 300 and "env" in _tags(_fields(call))
    return frozenset(re.findall(r"[\">]([^\"<>]+)[\"<]", call.answer)) if is_made else frozenset()


def _with_tag(question: Question, born: frozenset[str]) -> Question:
    """Return the question with the tag of its resource, if it has the tag by now.

    ECS resources are known by their whole ARN, because names are reused; other ids are unique.
    """
    name = (
        question.resource if ":ecs:" in question.resource else question.resource.rpartition("/")[2]
    )
    return (
        replace(question, context={**question.context, "aws:ResourceTag/env": "…"})
        if name in born
        else question
    )


def _fields(call: Call) -> Json:
    """Return the fields of a request: from its query, and from its JSON or form body."""
    query = dict(parse_qsl(urlsplit(call.path).query, keep_blank_values=True))
    if call.body.startswith("{"):
        found: Json = json.loads(call.body)
        return {**query, **found}
    return (
        query
        if call.body.startswith("<")
        else {**query, **dict(parse_qsl(call.body, keep_blank_values=True))}
    )


def _context(call: Call, fields: Json) -> Context:
    tags = _tags(fields)
    taken = fields.get("tagKeys") or fields.get("TagKeys") or []
    keys = [*tags, *([taken] if isinstance(taken, str) else taken)]
    context: dict[str, str | list[str]] = {
        f"aws:RequestTag/{key}": value for key, value in tags.items()
    }
    context |= {"aws:TagKeys": keys} if keys else {}
    if call.action == "ecr:BatchDeleteImage":
        context["aws:ResourceTag/images"] = "environments"  # as all registries of components have
    if call.action == "s3:ListBucket" and "prefix" in fields:
        context["s3:prefix"] = str(fields["prefix"])
    if call.action in {"ecs:RunTask", "ecs:StopTask"}:
        context["ecs:cluster"] = f"arn:aws:ecs:{HERE}:cluster/{fields['cluster']}"
    if call.action in {"ecs:CreateService", "ecs:UpdateService", "ecs:RunTask"}:
        context["ecs:enable-execute-command"] = str(fields.get("enableExecuteCommand", False))
    if call.action in {"ecs:CreateService", "ecs:UpdateService"} and "taskDefinition" in fields:
        context["ecs:task-definition"] = str(fields["taskDefinition"])
    if call.action == "route53:ChangeResourceRecordSets":
        changes = {"RecordTypes": "Type", "NormalizedRecordNames": "Name"}
        context |= {
            f"{call.action}{key}": _in_xml(call.body, element) for key, element in changes.items()
        }
    return context


def _in_xml(body: str, element: str) -> list[str]:
    return [
        text.lower().rstrip(".") if element == "Name" else text
        for text in re.findall(rf"<{element}>([^<]+)</{element}>", body)
    ]


def _tags(fields: Json) -> Mapping[str, str]:
    """Return the tags that a request sets, in the forms of all services."""
    listed = fields.get("tags") or fields.get("Tags") or []
    if isinstance(listed, dict):
        return listed
    found = {tag.get("key", tag.get("Key")): tag.get("value", tag.get("Value")) for tag in listed}
    names = [name for name in fields if re.search(r"\bTag\.\d+\.Key$", name)]
    return found | {
        fields[name]: fields.get(f"{name.removesuffix('Key')}Value", "") for name in names
    }


def _resources(call: Call, fields: Json) -> list[str]:
    service, _, name = call.action.partition(":")
    if (
        not authorization.TABLE[service]["actions"][name]["types"]
        or call.action in authorization.EVERYTHING
    ):
        return ["*"]
    return _ABOUT[service](call, fields)


def _s3(call: Call, _fields: Json) -> list[str]:
    return [f"arn:aws:s3:::{'/'.join(part for part in _object(call) if part)}"]


def _object(call: Call) -> tuple[str, str]:
    """Return bucket and key; the key is empty for a call about the bucket."""
    bucket, _, key = unquote(urlsplit(call.path).path).lstrip("/").partition("/")
    return bucket, key


def _ecs(call: Call, fields: Json) -> list[str]:
    if call.action == "ecs:RunTask":
        return [str(fields["taskDefinition"])]
    cluster = str(fields.get("cluster", "")).rpartition("/")[2]
    kind, *names = _ECS[call.action.partition(":")[2]]
    prefix = f"{kind}/" if kind in {"cluster", ""} else f"{kind}/{cluster}/"
    return _named("ecs", prefix, *names)(call, fields)


_ECS: Mapping[str, tuple[str, ...]] = {
    "CreateCluster": ("cluster", "clusterName"),
    "DeleteCluster": ("cluster", "cluster"),
    "DescribeClusters": ("cluster", "clusters"),
    "CreateService": ("service", "serviceName"),
    "DeleteService": ("service", "service"),
    "UpdateService": ("service", "service"),
    "DescribeServices": ("service", "services"),
    "DescribeTasks": ("task", "tasks"),
    "StopTask": ("task", "task"),
    "ListTagsForResource": ("", "resourceArn"),
    "TagResource": ("", "resourceArn"),
    "UntagResource": ("", "resourceArn"),
}
"""Action to the type of its resource, and the field that names it."""


def _ec2(call: Call, fields: Json) -> list[str]:
    if call.action == "ec2:CreateSecurityGroup":
        return [f"arn:aws:ec2:{HERE}:security-group/{NEW}"]
    named = [
        str(text)
        for name, text in fields.items()
        if name == "GroupId" or name.startswith("ResourceId.")
    ]
    assert all(name.startswith("sg-") for name in named), named
    return [f"arn:aws:ec2:{HERE}:security-group/{name}" for name in named]


def _efs(call: Call, fields: Json) -> list[str]:
    if call.action == "elasticfilesystem:CreateAccessPoint":
        fields = {"FileSystemId": fields["FileSystemId"]}
    path = urlsplit(call.path).path.rpartition("/")[2]
    name = next(
        (str(fields[key]) for key in ("AccessPointId", "FileSystemId") if key in fields), path
    )
    kind = "access-point" if name.startswith("fsap-") else "file-system"
    return [f"arn:aws:elasticfilesystem:{HERE}:{kind}/{name}"]


def _discovery(call: Call, fields: Json) -> list[str]:
    if call.action == "servicediscovery:CreateService":
        namespace = fields.get("NamespaceId") or fields["DnsConfig"]["NamespaceId"]
        return [
            f"arn:aws:servicediscovery:{HERE}:{name}"
            for name in (f"namespace/{namespace}", f"service/{NEW}")
        ]
    kind = "namespace" if call.action == "servicediscovery:GetNamespace" else "service"
    name = fields.get("Id") or fields["ServiceId"]
    return [f"arn:aws:servicediscovery:{HERE}:{kind}/{name}"]


def _dynamodb(_call: Call, fields: Json) -> list[str]:
    index = f"/index/{fields['IndexName']}" if "IndexName" in fields else ""
    tables = fields["RequestItems"] if "RequestItems" in fields else (fields["TableName"],)
    return [f"arn:aws:dynamodb:{HERE}:table/{table}{index}" for table in tables]


def _route53(call: Call, _fields: Json) -> list[str]:
    zone = re.search(r"/hostedzone(?:limit)?/([^/?]+)", call.path)
    assert zone, call.path
    return [f"arn:aws:route53:::hostedzone/{zone[1]}"]


def _iam(_call: Call, fields: Json) -> list[str]:
    return [
        str(fields.get("PolicySourceArn") or f"arn:aws:iam::{ACCOUNT}:role/{fields['RoleName']}")
    ]


def _named(service: str, prefix: str, *names: str) -> Callable[[Call, Json], list[str]]:
    """Return a function that reads the resource from one of these fields, as a name or an ARN."""

    def about(_call: Call, fields: Json) -> list[str]:
        value = next(fields[name] for name in names if name in fields)
        listed = [str(text) for text in (value if isinstance(value, list) else [value])]
        return [
            text if text.startswith("arn:") else f"arn:aws:{service}:{HERE}:{prefix}{text}"
            for text in listed
        ]

    return about


_ABOUT: Mapping[str, Callable[[Call, Json], list[str]]] = {
    "s3": _s3,
    "ecs": _ecs,
    "ec2": _ec2,
    "elasticfilesystem": _efs,
    "servicediscovery": _discovery,
    "dynamodb": _dynamodb,
    "route53": _route53,
    "iam": _iam,
    "ssm": _named("ssm", "parameter", "Name"),
    "ecr": _named("ecr", "repository/", "repositoryName", "repositoryNames"),
    "secretsmanager": _named("secretsmanager", "secret:", "SecretId"),
    "logs": _named("logs", "log-group:", "resourceArn", "logGroupName"),
}


def _besides(call: Call, fields: Json, context: Context) -> Iterator[Question]:
    """Yield AWS's further questions.

    They are about missing names, tags at creation, and roles that are passed on.
    """
    service, _, name = call.action.partition(":")
    bucket, key = _object(call)
    if call.action == "s3:GetObject" and call.status == 404:
        yield Question("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": key})
    if call.action == "ec2:CreateSecurityGroup":
        yield Question(call.action, f"arn:aws:ec2:{HERE}:vpc/{fields['VpcId']}")
    if call.action == "ecs:RegisterTaskDefinition":
        for role in (fields[key] for key in ("executionRoleArn", "taskRoleArn") if fields.get(key)):
            yield Question("iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    if call.action in _TAGGING and _tags(fields):
        tagging, resource = _TAGGING[call.action]
        whose = resource or _resources(call, fields)[0]
        yield Question(f"{service}:{tagging}", whose, {**context, f"{service}:CreateAction": name})


_TAGGING: Mapping[str, tuple[str, str]] = {
    "ec2:CreateSecurityGroup": ("CreateTags", f"arn:aws:ec2:{HERE}:security-group/{NEW}"),
    "ecs:CreateCluster": ("TagResource", ""),
    "ecs:CreateService": ("TagResource", ""),
    "ecs:RegisterTaskDefinition": ("TagResource", f"arn:aws:ecs:{HERE}:task-definition/{NEW}:1"),
    "elasticfilesystem:CreateAccessPoint": (
        "TagResource",
        f"arn:aws:elasticfilesystem:{HERE}:access-point/{NEW}",
    ),
    "servicediscovery:CreateService": ("TagResource", "*"),
    "logs:CreateLogGroup": ("TagResource", ""),
}
"""Creating action to the tagging action that AWS asks for, and its resource if not the same."""
