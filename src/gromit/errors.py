"""The errors that people see.

A message starts in lower case and names the thing; `hint` says how to fix it. `code` is stable and
goes into JSON. HTTP statuses and exit codes are tables at the edges (`web/api/app.py`,
`cli/__init__.py`), not attributes of an error.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

_NONE: Mapping[str, str] = MappingProxyType({})


class GromitError(Exception):
    """A failure that a person can act on."""

    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ConfigError(GromitError):
    """A setting is missing or wrong."""

    code = "config"


class InvalidInput(GromitError):
    """The request is invalid; nothing was changed."""

    code = "invalid"


class NotFound(GromitError):
    """The named thing does not exist."""

    code = "not_found"


class Conflict(GromitError):
    """The thing exists, but its state forbids the request; nothing was changed."""

    code = "conflict"


class UnreadableRow(GromitError):
    """The stored row of an environment is damaged; no worker takes it until it is corrected."""

    code = "unreadable"


class UnsafePlan(GromitError):
    """A plan would delete more than its limits allow; none of it was applied."""

    code = "unsafe_plan"


class UnsafeState(GromitError):
    """The state of an environment is another's or an old one; nothing was applied or destroyed."""

    code = "unsafe_state"


class Suspended(GromitError):
    """An operator has stopped processing, with `gromit suspend` or the file `noprocess`."""

    code = "suspended"

    def __init__(
        self, message: str, *, hint: str | None = None, file: tuple[str, str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        """Reason, operator and time in the file `noprocess`; None if it is not the cause."""


class ConfigRootUnusable(GromitError):
    """The config root is not mounted, has no marker or cannot be read; processing must stop."""

    code = "root_unusable"


class TrustError(GromitError):
    """A certificate, token or role does not allow the request."""

    code = "trust"


class TerraformFailed(GromitError):
    """Terraform failed; the message is its first diagnostic, with secrets masked."""

    code = "terraform"


class BackendError(GromitError):
    """A service that gromit depends on failed."""

    code = "backend"

    def __init__(self, message: str, *, hint: str | None = None, is_outdated: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_outdated = is_outdated
        """Whether a thing was not as the request assumed, so that a new look may help."""


class Temporary(BackendError):
    """The service was unreachable, throttled or busy; the same request may succeed later."""

    code = "temporary"


class TooMany(Temporary):
    """The client uses more than its share of the server."""

    code = "too_many"


class Denied(BackendError):
    """The service refused the request because gromit lacks a permission."""

    code = "denied"


class RolloutFailed(GromitError):
    """Terraform succeeded, but the services do not run what was applied."""

    code = "rollout"

    def __init__(
        self, message: str, *, hint: str | None = None, stopped: Mapping[str, str] = _NONE
    ) -> None:
        super().__init__(message, hint=hint)
        self.stopped = stopped
        """Id of the newest task that stopped, by component; its last lines say why."""


class HookFailed(GromitError):
    """A required hook of a component failed."""

    code = "hook"

    def __init__(
        self, message: str, *, hint: str | None = None, stopped: Mapping[str, str] = _NONE
    ) -> None:
        super().__init__(message, hint=hint)
        self.stopped = stopped
        """Id of the newest task that stopped, by component; its last lines say why."""
