"""Retries of conditional S3 requests that met another request.

S3 answers 409 if it could not decide the condition, and asks to send the request again. A 412 is
different: the condition is false. botocore retries neither.
"""

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gromit.adapters.aws.client import CONFLICTS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 6
_FIRST_PAUSE_S = 0.1


def pause_s(attempt: int) -> float:
    """Seconds before the next attempt: doubled each time, with jitter, 5 s in all at most."""
    full_s = _FIRST_PAUSE_S * (1 << (attempt - 1))
    return full_s * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, protects nothing


def retry_conflicts(client: "S3Client", pause: Callable[[int], float] = pause_s) -> None:
    """Let a client send a request again after a conflict, `ATTEMPTS` times at most.

    `pause` returns the seconds to wait after an attempt.
    """

    def again(
        response: tuple[Any, Mapping[str, Any]] | None, attempts: int, **_: Any
    ) -> float | None:
        # No response: the request failed on the network, which is left to botocore.
        error = response[1].get("Error", {}) if response else {}
        if error.get("Code") not in CONFLICTS or attempts >= ATTEMPTS:
            return None
        return pause(attempts)

    handler: Any = again  # by the stubs, handlers return nothing
    client.meta.events.register("needs-retry.s3", handler, unique_id="gromit-conflicts")
