"""Translation of AWS's errors into ours."""

import pytest
from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors
from gromit.errors import BackendError, Denied, GromitError, Temporary


def failing(code: str, message: str, status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "GetThing")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            failing("ThrottlingException", "Rate exceeded"),
            Temporary,
            "could not look: ThrottlingException: Rate exceeded",
        ),
        (failing("AccessDenied", "no"), Denied, "could not look: AccessDenied: no"),
        (failing("ValidationError", ""), BackendError, "could not look: ValidationError"),
        (
            failing("502", "\n<html><body>bad gateway", 502),
            Temporary,
            "could not look: 502: a page of HTML, which is not AWS's",
        ),
    ],
)
def test_the_message_of_aws_is_reported_with_the_operation(
    error: ClientError, kind: type[GromitError], message: str
) -> None:
    with pytest.raises(kind) as raised, aws_errors("look"):
        raise error
    assert raised.value.message == message
