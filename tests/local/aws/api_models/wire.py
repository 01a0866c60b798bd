"""Requests as SDKs send them, correct or with a planted error."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

from botocore.loaders import JSONFileLoader, Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

from gromit.local.aws.api_models.requests import AwsRequest

_SIGNED = "AWS4-HMAC-SHA256 Credential=emulated/20260101/eu-central-1/{}/aws4_request, Signature=0"
_SCOPES = {"cloudwatch": "monitoring", "efs": "elasticfilesystem", "elbv2": "elasticloadbalancing"}


def signed(service: str) -> dict[str, str]:
    """Return the header that names a service."""
    return {"authorization": _SIGNED.format(_SCOPES.get(service, service))}


def sdk_request(service: str, operation: str, parameters: Mapping[str, Any]) -> AwsRequest:
    """Return the request that an SDK makes of correct parameters."""
    model = _model(service)
    made: Any = create_serializer(str(model.protocol)).serialize_to_request(
        dict(parameters), model.operation_model(operation)
    )
    query = urlencode(made["query_string"], doseq=True)
    headers = {name.lower(): str(value) for name, value in made["headers"].items()}
    content = made["body"]
    if isinstance(content, dict):
        content = urlencode(content)
    return AwsRequest(
        made["method"],
        _joined(made["url_path"], query),
        {**signed(service), **headers},
        content.encode() if isinstance(content, str) else content,
    )


@cache
def _model(service: str) -> ServiceModel:
    """Return the model of a service as AWS publishes it."""
    loader = Loader(file_loader=JSONFileLoader())
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def _joined(path: str, query: str) -> str:
    """Return a URL; the model's own query string may be in the path already."""
    if not query:
        return path
    return f"{path}&{query}" if "?" in path else f"{path}?{query}"


def json_request(target: str, value: object) -> AwsRequest:
    """Return a request of the JSON protocol, whatever its value."""
    return AwsRequest("POST", "/", {"x-amz-target": target}, json.dumps(value).encode())


def form_request(service: str, **fields: str) -> AwsRequest:
    """Return a form, in whose names `__` is a dot."""
    body = urlencode({name.replace("__", "."): text for name, text in fields.items()})
    return AwsRequest("POST", "/", signed(service), body.encode())


def rest_request(service: str, method: str, url: str, body: str = "") -> AwsRequest:
    """Return a request whose method and path name the operation."""
    return AwsRequest(method, url, signed(service), body.encode())
