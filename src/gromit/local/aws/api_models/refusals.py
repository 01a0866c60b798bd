"""The answer to a request that the model does not allow, in the form that AWS gives it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from gromit.local.aws.api_models.requests import AwsRequest, CheckedRequest

_XML = "text/xml"
_CODES = {"ec2": "InvalidParameterValue", "s3": "InvalidArgument", "route53": "InvalidInput"}
_SHAPES = {
    "ec2": "<Response><Errors><Error>{}</Error></Errors></Response>",
    "s3": "<Error>{}</Error>",
}
"""XML of an error of services that differ from the others."""
_ORDINARY = "<ErrorResponse><Error><Type>Sender</Type>{}</Error></ErrorResponse>"


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """An HTTP response with the status 400."""

    headers: Mapping[str, str]
    body: bytes


def refuse(request: AwsRequest, checked: CheckedRequest) -> RefusedRequest:
    """Return the answer, which names the operation and each fault."""
    message = f"AWS's model of {checked.operation} forbids: {'; '.join(checked.faults)}"
    if "x-amz-target" in request.headers:
        kind = request.headers.get("content-type", "application/x-amz-json-1.1")
        body = json.dumps({"__type": "ValidationException", "message": message})
        return RefusedRequest({"Content-Type": kind}, body.encode())
    service = checked.operation.partition(".")[0]
    if service == "efs":
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "BadRequest"}
        body = json.dumps({"ErrorCode": "BadRequest", "Message": message})
        return RefusedRequest(headers, body.encode())
    code = _CODES.get(service, "ValidationError")
    inner = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    return RefusedRequest(
        {"Content-Type": _XML}, _SHAPES.get(service, _ORDINARY).format(inner).encode()
    )
