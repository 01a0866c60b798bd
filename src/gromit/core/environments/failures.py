"""Classes of failures: they decide the pause, who has to act, and which alarm counts a failure.

| class       | example                                | pause           | who acts        |
|-------------|----------------------------------------|-----------------|-----------------|
| `transient` | throttling, a timeout, a lock in use   | short, doubling | no one          |
| `quota`     | `ServiceQuotaExceeded`, no address     | long, doubling  | operators       |
| `build`     | no image, a container that exits       | long, doubling  | branch's people |
| `platform`  | `AccessDenied`, a wrong setting, a bug | short, doubling | operators       |
| `person`    | a foreign state, a contradiction       | the longest     | operators       |

A newer build, or a retry, makes any of them due at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gromit.core.environments.quota_failures import THROTTLES, QuotaHit, find_quota
from gromit.core.stack.task_output import LastLines
from gromit.errors import (
    BackendError,
    ConfigError,
    Conflict,
    Denied,
    HookFailed,
    InvalidInput,
    NotFound,
    RolloutFailed,
    Temporary,
    TerraformFailed,
    TrustError,
    UnreadableRow,
    UnsafePlan,
    UnsafeState,
)


class FailureClass(StrEnum):
    """Class of a failure."""

    TRANSIENT = "transient"
    QUOTA = "quota"
    BUILD = "build"
    PLATFORM = "platform"
    PERSON = "person"


_CLASS_OF_KIND: Mapping[str, FailureClass] = MappingProxyType(
    {
        InvalidInput.code: FailureClass.BUILD,
        RolloutFailed.code: FailureClass.BUILD,
        ConfigError.code: FailureClass.PLATFORM,
        Denied.code: FailureClass.PLATFORM,
        # A hook is the catalogue's, and what it talks to is outside of the environment.
        HookFailed.code: FailureClass.PLATFORM,
        NotFound.code: FailureClass.PLATFORM,
        TrustError.code: FailureClass.PLATFORM,
        "bug": FailureClass.PLATFORM,
        Conflict.code: FailureClass.PERSON,
        UnreadableRow.code: FailureClass.PERSON,
        UnsafePlan.code: FailureClass.PERSON,
        UnsafeState.code: FailureClass.PERSON,
    }
)
"""Class where the message says nothing else; any other kind is transient."""

_READ_ON = frozenset(
    {
        TerraformFailed.code,
        RolloutFailed.code,
        BackendError.code,
        Temporary.code,
        Denied.code,
        Conflict.code,
    }
)
"""Kinds whose message has words of AWS or terraform. In others they would be a coincidence."""

_PASSING = re.compile(
    r"RequestTimeout|ServiceUnavailable|Internal(Error|Failure|ServerError)|ServerException"
    r"|connection (reset|refused)|no such host|i/o timeout|TLS handshake|timed? ?out"
    r"|unexpected EOF|changed meanwhile",
    re.IGNORECASE,
)
_WORDS: tuple[tuple[re.Pattern[str], FailureClass], ...] = (
    (_PASSING, FailureClass.TRANSIENT),
    (
        re.compile(
            r"AccessDenied|UnauthorizedOperation|not authorized to perform|AuthFailure"
            r"|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|OptInRequired"
            r"|Invalid(Vpc|Subnet)I[dD]\.NotFound|NamespaceNotFound|FileSystemNotFound"
            r"|no space left on device|install provider|load plugin"
        ),
        FailureClass.PLATFORM,
    ),
    (
        re.compile(
            r"CannotPullContainer|manifest unknown|ImageNotFound|exit code \d+|OutOfMemory"
            r"|Essential container|health checks|exec format error|CannotStartContainer"
        ),
        FailureClass.BUILD,
    ),
)
"""Words of AWS, terraform and container registries, and their class. The first match decides.

Quotas and throttles come before them: a wait that ends because a quota is full also times out.
"""


def classify_failure(kind: str, message: str) -> FailureClass:
    """Return the class of a failure from its kind and its message."""
    if kind not in _READ_ON:
        return _CLASS_OF_KIND.get(kind, FailureClass.TRANSIENT)
    if find_quota(message) is not None:
        return FailureClass.QUOTA
    if THROTTLES.search(message):
        return FailureClass.TRANSIENT
    classes = (found for words, found in _WORDS if words.search(message))
    return next(classes, _CLASS_OF_KIND.get(kind, FailureClass.TRANSIENT))


_REMEDIES: Mapping[FailureClass, str] = MappingProxyType(
    {
        FailureClass.BUILD: "fix the build, then re-run its workflow",
        FailureClass.PLATFORM: "ask the operators of gromit: the build is not the cause",
        FailureClass.PERSON: "ask the operators of gromit: one of them has to act first",
    }
)


def remedy_of(failure: FailureClass, message: str = "") -> str | None:
    """Return what a person has to do first; None for a class that retrying may fix.

    The message names the quota of a failure of that class.
    """
    if failure is FailureClass.QUOTA and (hit := find_quota(message)) is not None:
        return hit.remedy
    return _REMEDIES.get(failure)


def shown_remedy(error: Mapping[str, Any]) -> str | None:
    """Return the remedy of a failure in serve's JSON view; an older serve shows only its kind."""
    if "remedy" in error:
        return str(error["remedy"]) if error["remedy"] else None
    kind, message = error["kind"], error["message"]
    return remedy_of(classify_failure(kind, message), message)


def quota_of(error: Mapping[str, Any]) -> QuotaHit | None:
    """Return the quota of a failure in serve's JSON view; None for another class."""
    kind, message = error["kind"], error["message"]
    is_quota = classify_failure(kind, message) is FailureClass.QUOTA
    return find_quota(message) if is_quota else None


_FIRST_PAUSE: Mapping[FailureClass, int] = MappingProxyType(
    {
        FailureClass.TRANSIENT: 1,
        FailureClass.PLATFORM: 1,
        FailureClass.QUOTA: 30,
        FailureClass.BUILD: 60,
    }
)


def first_pause_ms(failure: FailureClass, retry_ms: int, longest_ms: int) -> int:
    """Return the pause after the first failure of a class, from the one of a transient failure."""
    factor = _FIRST_PAUSE.get(failure)
    return longest_ms if factor is None else min(retry_ms * factor, longest_ms)


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure, kept until the next success or change."""

    kind: str
    message: str
    at_ms: int
    output: tuple[LastLines, ...] = ()
    """Last lines of the tasks that stopped, if that was the reason."""

    @classmethod
    def from_row(cls, value: Mapping[str, Any] | None) -> "Failure | None":
        """Return the failure that a row stores; None without one."""
        if not value:
            return None
        output = tuple(LastLines.from_row(last) for last in value.get("output", ()))
        return cls(value["kind"], value["message"], value["at"], output)

    @property
    def failure_class(self) -> FailureClass:
        """Return the class, which decides the pause and who has to act."""
        return classify_failure(self.kind, self.message)

    @property
    def remedy(self) -> str | None:
        """Return what a person has to do first; None if retrying may fix it."""
        return remedy_of(self.failure_class, self.message)

    @property
    def quota(self) -> QuotaHit | None:
        """Return the quota that was hit; None for a failure of another class."""
        return find_quota(self.message) if self.failure_class is FailureClass.QUOTA else None
