"""The one tree of errors that people may see.

A message is lower case, names the thing and says the remedy in `hint`. `code` is stable and goes into JSON. HTTP statuses
and exit codes are tables at the edges (`web/api/app.py`, `cli/__init__.py`), not attributes of an error.

    GromitError
    ├── ConfigError      a setting is missing or wrong
    ├── InvalidInput     what somebody sent cannot be meant
    ├── NotFound         there is no such thing
    ├── Conflict         it exists, but its state forbids this
    ├── UnsafePlan       a plan would delete more than it may
    ├── Suspended        an operator has stopped all processing
    ├── RootUnusable     the config tree is not mounted, or cannot be read
    ├── TrustError       a certificate, token or role does not allow it
    ├── TerraformFailed  terraform ended with an error
    ├── RolloutFailed    the services do not run what was applied
    └── BackendError     something we depend on did not do its part
        ├── Temporary    … and may do it when asked again
        └── Denied       … because we lack the right
"""

from typing import ClassVar


class GromitError(Exception):
    """Something went wrong that a person can act on."""

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
    """What somebody sent cannot be meant; nothing was changed."""

    code = "invalid"


class NotFound(GromitError):
    """There is no such thing."""

    code = "not_found"


class Conflict(GromitError):
    """The thing exists, but its present state forbids the request; nothing was changed."""

    code = "conflict"


class UnsafePlan(GromitError):
    """A plan would delete more than its limits allow; nothing of it was done."""

    code = "unsafe_plan"


class Suspended(GromitError):
    """An operator has stopped all processing (`/config/noprocess` exists)."""

    code = "suspended"


class ConfigRootUnusable(GromitError):
    """The config root is not mounted, has no marker, or cannot be read: nothing may be processed."""

    code = "root_unusable"


class TrustError(GromitError):
    """A certificate, token or role does not allow this."""

    code = "trust"


class TerraformFailed(GromitError):
    """Terraform ended with an error; the message is its first diagnostic, with secrets masked."""

    code = "terraform"


class BackendError(GromitError):
    """Something that gromit depends on did not do its part."""

    code = "backend"


class Temporary(BackendError):
    """The same request may succeed later: throttled, unreachable, or in conflict with another change."""

    code = "temporary"


class Denied(BackendError):
    """The backend refused because of missing rights."""

    code = "denied"


class RolloutFailed(GromitError):
    """Terraform is content, but the services do not run what was applied."""

    code = "rollout"
