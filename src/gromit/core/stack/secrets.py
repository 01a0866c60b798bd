"""Named secrets of a catalogue: values in Secrets Manager that components share by name.

gromit handles names and ARNs only. ECS reads the values when it starts a container.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gromit.errors import ConfigError

PREFIX = "gromit/environments/"
"""Beginning of the names of secrets of environments in Secrets Manager."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_ARN = re.compile(r"arn:aws[a-z-]*:(secretsmanager|ssm):[a-z0-9-]+:\d{12}:(secret:|parameter/).+")
_LIKE_SUFFIX = re.compile(r".*-[a-z0-9]{6}")


class SecretOrigin(StrEnum):
    """Origin of the value of a secret."""

    RANDOM = "random"
    """gromit draws it."""
    BOUGHT = "bought"
    """A vendor gives it, such as a licence; gromit asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSecret:
    """One secret of a catalogue, which any number of components use."""

    name: str
    made: SecretOrigin
    arn: str | None = None
    """ARN of an existing secret or parameter, instead of one named `gromit/environments/<name>`."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                "a name in secrets is not usable",
                hint="use lower-case letters, digits and hyphens, at most 64 characters",
            )
        if _LIKE_SUFFIX.fullmatch(self.name):
            raise ConfigError(
                f"secret {self.name}: a name must not end with a hyphen and six characters",
                hint="the ARNs of Secrets Manager end like that; use a shorter or longer last word",
            )

    @property
    def path(self) -> str:
        """Name in Secrets Manager."""
        return PREFIX + self.name

    @property
    def id(self) -> str:
        """ARN if it has one, else its name in Secrets Manager."""
        return self.arn or self.path


def is_secret_arn(text: str) -> bool:
    """Whether a text is the ARN of a Secrets Manager secret or SSM parameter."""
    return _ARN.fullmatch(text) is not None


def check_secret_names(
    component: str, used: Mapping[str, str], known: Mapping[str, NamedSecret]
) -> None:
    """Raise `ConfigError` if a variable of a component gets neither an ARN nor a named secret.

    The text is never repeated: it may be the secret itself.
    """
    for variable, source in used.items():
        if not is_secret_arn(source) and source not in known:
            names = ", ".join(sorted(known)) or "none yet"
            raise ConfigError(
                f"component {component}: secrets: {variable} must be the ARN of a Secrets Manager"
                " secret or SSM parameter, or a name in `secrets` of the catalogue, not a value",
                hint=f"names in `secrets` of the catalogue are: {names}",
            )


class SecretStatus(StrEnum):
    """Status of a secret in Secrets Manager."""

    SET = "set"
    MISSING = "missing"
    EMPTY = "empty"
    """It exists and has no value."""
    DELETED = "deleted"
    """It is scheduled for deletion, so that its value cannot be read."""
    UNKNOWN = "unknown"
    """gromit may not look at it, or it is a parameter of SSM."""


@dataclass(frozen=True, slots=True)
class SecretState:
    """A secret as Secrets Manager describes it, without its value."""

    status: SecretStatus
    arn: str = ""
    """ARN for ECS; empty if there is none."""
    version: str = ""
    """Id of its current value; empty if unknown."""

    @property
    def is_usable(self) -> bool:
        """Whether ECS can read it; an unknown one counts as usable."""
        return self.status in {SecretStatus.SET, SecretStatus.UNKNOWN}


MISSING_SECRET = SecretState(SecretStatus.MISSING)
LEFT_OUT = SecretState(SecretStatus.UNKNOWN)
"""State of a secret that a stack does without: its variables are left out."""
