"""Programs that components run, and the requirements of each.

The facts are data of the package (`catalogue/programs/<program>.yaml`). A component names its
program with the key `program` of its entry.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gromit.core.stack.secrets import SecretOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSecret:
    """One secret that a program takes."""

    variable: str
    """Environment variable that gives it."""
    key: str | None = None
    """Key of the program's config file for the same value, levels joined by dots."""
    group: str
    """Programs whose secrets are in one group need the same value."""
    made: SecretOrigin
    required: bool = True
    peer: str | None = None
    """Program that must run beside it for the secret to be required; None for always."""
    without: str
    """Effect of a missing secret, as an end of a sentence that begins with the component."""

    def is_required(self, programs: Collection[str]) -> bool:
        """Whether the secret is required in an environment with these programs."""
        return self.required and (self.peer is None or self.peer in programs)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerNeed:
    """Programs, one of which must run beside another one."""

    any_of: tuple[str, ...]
    when: str | None = None
    """Config key that must be true for the need; None for always."""
    unless: tuple[str, ...] = ()
    """Config keys for a host. If one has a value, that host is used instead of a peer."""
    without: str
    """Effect of its absence, as an end of a sentence."""
    certain: bool = True
    """Whether the absence is a mistake for sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNeed:
    """Config keys, one of which must have a value."""

    any_of: tuple[str, ...]
    without: str
    """Effect of their absence, as an end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program, and its requirements."""

    name: str
    secrets: tuple[ProgramSecret, ...] = ()
    listens: str | None = None
    """Config key of the port that it listens on."""
    health: Mapping[str, str] = field(default_factory=dict)
    """`path` and `ready` of a health check, each with the config key that names it."""
    needs: tuple[PeerNeed, ...] = ()
    requires: tuple[KeyNeed, ...] = ()
    retired: Mapping[str, str] = field(default_factory=dict)
    """Deprecated config keys, each with the key that replaces it."""


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """A secret that a component requires, and for which the catalogue has no source."""

    component: str
    secret: ProgramSecret

    def __str__(self) -> str:
        return f"{self.component} needs {self.secret.variable}: without it, {self.secret.without}"


@dataclass(frozen=True, slots=True)
class UnequalSecrets:
    """Variables that need the same value and get it from different secrets."""

    group: str
    sources: Mapping[str, str]
    """`<component> <variable>` to the name or ARN of its secret."""

    def __str__(self) -> str:
        return f"{', '.join(sorted(self.sources))} must have the same value"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramUse:
    """A component, the program that it runs, and the sources of its secrets."""

    component: str
    program: Program
    secrets: Mapping[str, str]
    """Variable to the name of a named secret, or an ARN."""


def missing_secrets(uses: Collection[ProgramUse]) -> tuple[MissingSecret, ...]:
    """Return every required secret of these components that has no source."""
    programs = {use.program.name for use in uses}
    return tuple(
        MissingSecret(use.component, secret)
        for use in uses
        for secret in use.program.secrets
        if secret.is_required(programs) and secret.variable not in use.secrets
    )


def unequal_secrets(uses: Collection[ProgramUse]) -> tuple[UnequalSecrets, ...]:
    """Return every group whose variables do not all name the same secret."""
    groups: dict[str, dict[str, str]] = {}
    for use in uses:
        for secret in use.program.secrets:
            if secret.variable in use.secrets:
                sources = groups.setdefault(secret.group, {})
                sources[f"{use.component} {secret.variable}"] = use.secrets[secret.variable]
    return tuple(
        UnequalSecrets(group, sources)
        for group, sources in sorted(groups.items())
        if len(set(sources.values())) > 1
    )
