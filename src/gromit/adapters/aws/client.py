"""The one place where clients of AWS are made and where their errors become ours.

Retries of AWS calls happen here and nowhere else: botocore's standard mode, three attempts a request (it backs off with jitter and
keeps a retry quota, so that a fault does not multiply the load).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore import exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError

from gromit.errors import BackendError, ConfigError, Denied, Temporary

CLIENT = Config(
    retries={"mode": "standard", "max_attempts": 3},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=32,
    user_agent_extra="gromit",
)

_TEMPORARY = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
        "ProvisionedThroughputExceededException", "RequestThrottled", "SlowDown", "PriorRequestNotComplete",
        "InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServerException", "RequestTimeout",
    }
)  # fmt: skip
_DENIED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnrecognizedClientException",
        "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch", "AuthFailure",
    }
)  # fmt: skip


def new_session(region: str | None = None) -> boto3.Session:
    """A session with credentials, region and `AWS_ENDPOINT_URL` as the SDK finds them; the region may be given.

    Raises `ConfigError` for a profile that does not exist.
    """
    try:
        return boto3.Session(region_name=region)
    except aws.BotoCoreError as error:  # a profile that is not there, or files that cannot be read
        raise ConfigError(
            f"the settings of AWS's SDK cannot be used: {error}",
            hint="check AWS_PROFILE and the SDK's files",
        ) from error


def error_code(error: aws.ClientError) -> str:
    """AWS' own word for what went wrong, like `ThrottlingException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _words(error: aws.ClientError) -> str:
    """What AWS says of an error; of a page that some proxy has put in its place only that it is one."""
    words = str(error.response.get("Error", {}).get("Message", ""))
    return "a page of HTML, which is not AWS's" if words.lstrip().startswith("<") else words


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Run a block of AWS calls; what goes wrong in it comes out as `Temporary`, `Denied` or `BackendError`.

    `doing` completes the sentence "could not …", for example `read the table DeveloperEnvironments`.
    """
    try:
        yield
    except aws.ClientError as error:
        code = error_code(error)
        message = f"could not {doing}: {code}: {_words(error)}".rstrip(": ")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TEMPORARY or status >= 500:
            raise Temporary(message, hint="AWS asks to try again later") from error
        if code in _DENIED:
            raise Denied(
                message, hint="check the rights of the role or user that gromit runs as"
            ) from error
        raise BackendError(message) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.NoRegionError) as error:
        raise Denied(
            f"could not {doing}: {error}",
            hint="set the AWS SDK's own variables, or a role and AWS_REGION",
        ) from error
    except (aws.HTTPClientError, aws.ConnectionError) as error:
        raise Temporary(
            f"could not {doing}: {error}", hint="AWS (or AWS_ENDPOINT_URL) cannot be reached"
        ) from error
    except ResponseParserError as error:  # its text quotes the whole page
        raise BackendError(
            f"could not {doing}: what has answered is not AWS",
            hint="check AWS_ENDPOINT_URL, and proxies",
        ) from error
    except aws.BotoCoreError as error:
        raise BackendError(f"could not {doing}: {error}") from error
