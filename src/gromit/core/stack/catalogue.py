"""The components of an environment, as data: adding one is an entry in a file, no code and no release."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gromit.errors import ConfigError, InvalidInput

COMPONENT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
WIRE_KEYS = frozenset({"name", "state"})
"""What a flat environment says beside the versions of its repositories: none of them can be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One service of every environment."""

    name: str
    """A DNS label without `--`: it becomes `<name>.<env>.<domain>` and `<name>.<env>.internal`."""
    repository: str | None = None
    """The repository that reports builds of it; its images are in the registry of the same name."""
    image: str | None = None
    """A fixed image instead of a repository, for what nobody of us builds (`redis:7`)."""
    default_tag: str = "master"
    """The tag of the default branch."""
    port: int | None = None
    """The TCP port it listens on; without one it has no URL."""
    public: bool = False
    """Reachable from the internet, on its port, under a public name."""
    command: tuple[str, ...] = ()
    config_path: str | None = None
    """Where the container sees its config folder, read-only."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """File name in the config folder to the text of its Jinja2 template."""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variable name to the ARN of a Secrets Manager secret or SSM parameter; never a value."""
    cpu: int = 256
    """CPU units, 1024 to a core (Fargate's sizes)."""
    memory: int = 512
    """MiB (Fargate's sizes)."""

    def __post_init__(self) -> None:
        if not COMPONENT_NAME.fullmatch(self.name) or "--" in self.name:
            raise ConfigError(
                f"component {self.name!r} is not a usable name",
                hint="use a lower-case DNS label of at most 40 characters without '--'",
            )
        if (self.repository is None) == (self.image is None):
            raise ConfigError(
                f"component {self.name} needs either a repository or an image, and not both"
            )
        if self.repository is not None:
            check_repository(self.repository)
        if self.public and self.port is None:
            raise ConfigError(f"component {self.name} is public but has no port")
        if self.templates and self.config_path is None:
            raise ConfigError(
                f"component {self.name} has config templates but no config_path to mount them at"
            )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All components, by name, and what is known of repositories that have none."""

    components: Mapping[str, Component]
    known_only: frozenset[str] = frozenset()
    """Repositories named by `GROMIT_REPOS` without an entry: accepted on the wire, kept, deployed nowhere."""

    def __post_init__(self) -> None:
        for repository in sorted(self.known_only):
            check_repository(repository)

    @property
    def repositories(self) -> frozenset[str]:
        """Every repository that may report a build."""
        return self.known_only | {c.repository for c in self.components.values() if c.repository}

    def require(self, repository: str) -> None:
        """Raise `InvalidInput` for a repository that may not report a build."""
        if repository not in self.repositories:
            known = ", ".join(sorted(self.repositories))
            raise InvalidInput(
                f"repo {repository!r} is not part of any environment",
                hint=f"repositories are {known}",
            )

    def default_tag(self, repository: str) -> str:
        """The tag of the default branch of a repository; `master` for one without a component."""
        found = (c.default_tag for c in self.components.values() if c.repository == repository)
        return next(found, "master")

    def select(self, repositories: Iterable[str]) -> "Catalogue":
        """This catalogue cut to the given repositories (the meaning of `GROMIT_REPOS`); fixed images stay."""
        wanted = frozenset(repositories)
        kept = {
            n: c
            for n, c in self.components.items()
            if c.repository is None or c.repository in wanted
        }
        return Catalogue(kept, wanted - {c.repository for c in kept.values() if c.repository})


def check_repository(name: str) -> None:
    """Raise `ConfigError` for a repository whose version would hide what a flat environment is called, or how it is."""
    if name in WIRE_KEYS:
        raise ConfigError(
            f"no repository can be called {name!r}",
            hint="in a flat environment (docs/reference/wire.md) this key is not a version; rename the repository",
        )
