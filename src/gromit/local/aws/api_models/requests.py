"""A request to AWS, and its faults in the eyes of the service's model."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.etree.ElementTree import ParseError

from botocore.model import OperationModel, StructureShape

from gromit.local.aws.api_models.forms import FormDecoder, ec2_name, form_tree, query_name
from gromit.local.aws.api_models.rest import json_body, rest_value, xml_body
from gromit.local.aws.api_models.routes import Router
from gromit.local.aws.api_models.rules import ModelRules
from gromit.local.aws.api_models.services import service_model, service_of, signed_service

_RULES: defaultdict[str, ModelRules] = defaultdict(ModelRules)
"""Rules of each service."""

_QUERY, _EC2 = FormDecoder(query_name, is_ec2=False), FormDecoder(ec2_name, is_ec2=True)


_ACCEPTED = frozenset(
    {
        # Provider 3.39 sends it for each address, and AWS takes it for its default, which is `vpc`.
        ("ec2", "AllocateAddress.Domain: '' is not in the enum"),
    }
)
"""Faults that AWS accepts all the same."""


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """A request as it is on the wire."""

    method: str
    url: str
    """Path and query string."""
    headers: Mapping[str, str]
    """Names are in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """Result of a check."""

    operation: str
    """Service and operation, such as `ecs.CreateService`."""
    faults: tuple[str, ...] = ()
    """The member and the rule that it breaks, for each fault."""
    is_known: bool = True
    """Whether there is a model of the service."""


def check_request(request: AwsRequest) -> CheckedRequest:
    """Return what AWS would say against a request."""
    service = service_of(request.headers)
    if service is None:
        return CheckedRequest(_unknown(request), is_known=False)
    try:
        return _checked(service, request)
    except (ValueError, ParseError) as error:
        return CheckedRequest(f"{service}.{request.method}", (f"cannot be read: {error}",))


def _unknown(request: AwsRequest) -> str:
    return request.headers.get("x-amz-target") or signed_service(request.headers)


def _checked(service: str, request: AwsRequest) -> CheckedRequest:
    if target := request.headers.get("x-amz-target"):
        return _named(
            service, target.rpartition(".")[2], lambda _: json.loads(request.body or b"{}")
        )
    if service_model(service).protocol.startswith("rest-"):
        return _rest(service, request)
    text = request.body.decode() or urlsplit(request.url).query
    fields = dict(parse_qsl(text, keep_blank_values=True))
    name = fields.pop("Action", "")
    fields.pop("Version", None)
    decoder = _EC2 if service == "ec2" else _QUERY
    return _named(service, name, lambda shape: decoder.decode(shape, form_tree(fields.items())))


def _named(service: str, name: str, value: Callable[[StructureShape], Any]) -> CheckedRequest:
    """Check a request that names its operation."""
    model = service_model(service)
    if name not in model.operation_names:
        return CheckedRequest(f"{service}.{name}", ("is not an operation in the model",))
    return _judged(service, model.operation_model(name), value)


def _rest(service: str, request: AwsRequest) -> CheckedRequest:
    parts = urlsplit(request.url)
    query = parse_qs(parts.query, keep_blank_values=True)
    first = {name: texts[0] for name, texts in query.items()}
    found = _router(service).find(request.method, parts.path, first, request.headers)
    if found is None:
        return CheckedRequest(f"{service}.{request.method}", ("is not an operation in the model",))
    route, labels = found
    read_body = xml_body if service_model(service).protocol == "rest-xml" else json_body
    others = {name: texts for name, texts in query.items() if name not in route.literals}

    def value(shape: StructureShape) -> Any:
        body = read_body(shape, request.body)
        return rest_value(shape, labels, others, request.headers, body)

    return _judged(service, route.operation, value)


def _judged(
    service: str, operation: OperationModel, value: Callable[[StructureShape], Any]
) -> CheckedRequest:
    name, shape = operation.name, operation.input_shape
    if shape is None:
        return CheckedRequest(f"{service}.{name}")
    found = _RULES[service].faults(shape, value(shape), name)
    faults = tuple(fault for fault in found if (service, fault) not in _ACCEPTED)
    return CheckedRequest(f"{service}.{name}", faults)


@cache
def _router(service: str) -> Router:
    return Router(service_model(service))
