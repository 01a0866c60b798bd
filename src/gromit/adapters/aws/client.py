"""Configuration of AWS clients, and translation of their errors into ours.

AWS calls are retried only here: botocore's standard mode with three attempts a request. It backs
off with jitter and keeps a retry quota, so that a failure does not multiply the load.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import botocore.session
from botocore import exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError

from gromit.adapters.aws.dynamodb_items import ItemParserFactory
from gromit.adapters.aws.model_files import LeanModelFiles
from gromit.core.environments.quota_failures import find_quota
from gromit.errors import BackendError, ConfigError, Denied, Temporary

CONNECT_S, READ_S = 5, 30
"""Longest waits for a connection and for each read of an answer, in seconds."""

CLIENT = Config(
    retries={"mode": "standard", "max_attempts": 3},
    connect_timeout=CONNECT_S,
    read_timeout=READ_S,
    max_pool_connections=64,  # more than serve has threads, or it discards connections under load
    user_agent_extra="gromit",
)

IMPATIENT_CLIENT = CLIENT.merge(
    Config(retries={"mode": "standard", "max_attempts": 1}, connect_timeout=2, read_timeout=3)
)
"""For what an answer can do without, while someone waits for it: a worker waits 15 s for serve."""

TABLE_CLIENT = CLIENT.merge(Config(parameter_validation=False))
"""For the table: its adapter makes all requests, and the SDK's check costs a tenth of a write."""

CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
"""Codes of S3 for a request that met another one, so that its condition was not decided."""

THROTTLED = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded",
        "TooManyRequestsException", "ProvisionedThroughputExceededException", "RequestThrottled",
        "SlowDown",
    }
)  # fmt: skip
_TEMPORARY = frozenset(
    {
        *THROTTLED, "PriorRequestNotComplete", "InternalError", "InternalFailure",
        "InternalServerError", "ServiceUnavailable", "ServerException", "RequestTimeout",
        *CONFLICTS,
    }
)  # fmt: skip
DENIED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "UnauthorizedOperation",
        "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredToken",
        "ExpiredTokenException", "SignatureDoesNotMatch", "AuthFailure",
    }
)  # fmt: skip


def new_session(region: str | None = None) -> boto3.Session:
    """Return a session with the SDK's own credentials and settings; `region` overrides its region.

    Raises `ConfigError` for a profile that does not exist.
    """
    try:
        own = botocore.session.Session()
        own.register_component("response_parser_factory", ItemParserFactory())
        own.get_component("data_loader").file_loader = LeanModelFiles()
        return boto3.Session(region_name=region, botocore_session=own)
    except aws.BotoCoreError as error:  # a missing profile, or files that cannot be read
        raise ConfigError(
            f"cannot use the settings of the AWS SDK: {error}",
            hint="check AWS_PROFILE and the SDK's files",
        ) from error


def error_code(error: aws.ClientError) -> str:
    """Return AWS's error code, such as `ThrottlingException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _error_message(error: aws.ClientError) -> str:
    """Return AWS's message; a page from a proxy in its place is not quoted."""
    message = str(error.response.get("Error", {}).get("Message", ""))
    return "a page of HTML, which is not AWS's" if message.lstrip().startswith("<") else message


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn errors of AWS calls in the block into `Temporary`, `Denied` or `BackendError`.

    `doing` completes the sentence "could not …": `read the table DeveloperEnvironments`.
    """
    try:
        yield
    except aws.ClientError as error:
        code = error_code(error)
        message = f"could not {doing}: {code}: {_error_message(error)}".rstrip(": ")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TEMPORARY or status >= 500:
            raise Temporary(message, hint="try again later") from error
        if code in DENIED:
            raise Denied(
                message, hint="check the permissions of the role or user that gromit runs as"
            ) from error
        hit = find_quota(message)
        raise BackendError(message, hint=hit.remedy if hit else None) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.NoRegionError) as error:
        raise Denied(
            f"could not {doing}: {error}",
            hint="set the AWS SDK's own variables, or use a role and set AWS_REGION",
        ) from error
    except (aws.HTTPClientError, aws.ConnectionError) as error:
        raise Temporary(
            f"could not {doing}: {error}",
            hint="check the network, and AWS_ENDPOINT_URL if it is set",
        ) from error
    except ResponseParserError as error:  # its text quotes the whole response, so it is not shown
        raise BackendError(
            f"could not {doing}: the response is not from AWS",
            hint="check AWS_ENDPOINT_URL and any proxy",
        ) from error
    except aws.BotoCoreError as error:
        raise BackendError(f"could not {doing}: {error}") from error
