"""Components of an environment, as data: a new one is an entry in a file, not code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gromit.core.names import COMPONENT_NAME, check_repository
from gromit.core.stack.contract import ContainerSettings
from gromit.core.stack.health import HealthCheck
from gromit.core.stack.hooks import Hook, HookKind
from gromit.core.stack.programs import Program, ProgramUse
from gromit.core.stack.public_components import PublicComponents
from gromit.core.stack.secrets import NamedSecret
from gromit.errors import ConfigError, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Component(ContainerSettings):
    """One service of every environment."""

    name: str
    """DNS label without `--`, used in `<name>.<env>.<domain>` and `<name>.<env>.internal`."""
    repository: str | None = None
    """Repository that reports its builds; its images are in the registry of the same name."""
    image: str | None = None
    """Fixed image (`redis:7`), instead of a repository."""
    program: str | None = None
    """Program that it runs, if gromit knows its requirements."""
    default_tag: str = "master"
    """Tag of the default branch."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """File name in the config folder to the text of its Jinja2 template."""
    hooks: Mapping[HookKind, Hook] = field(default_factory=dict)
    health: HealthCheck | None = None
    """Requests that show whether its program works; needs a public name."""

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
        if self.health and not self.public:
            raise ConfigError(
                f"component {self.name} has a health check but is not public",
                hint="remove `health`: gromit asks at the public address only",
            )
        if self.templates and self.config_path is None:
            raise ConfigError(
                f"component {self.name} has config templates but no config_path to mount them at"
            )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All components and secrets, by name, and the repositories without a component."""

    components: Mapping[str, Component]
    known_only: frozenset[str] = frozenset()
    """Repositories in `GROMIT_REPOS` without a component: their builds are stored, not deployed."""
    secrets: Mapping[str, NamedSecret] = field(default_factory=dict)
    """Secrets that components name, by name."""
    programs: Mapping[str, Program] = field(default_factory=dict)
    """Programs that components name, by name."""

    def __post_init__(self) -> None:
        for repository in sorted(self.known_only):
            check_repository(repository)

    @property
    def repositories(self) -> frozenset[str]:
        """All repositories that may report a build."""
        return self.known_only | {c.repository for c in self.components.values() if c.repository}

    @property
    def public(self) -> PublicComponents:
        """Components that are reachable from the internet."""
        public = [c for c in self.components.values() if c.public]
        return PublicComponents(
            frozenset(c.name for c in public),
            {
                c.name: (c.port, c.health)
                for c in public
                if c.port is not None and c.health is not None
            },
        )

    @property
    def deployed(self) -> frozenset[str]:
        """Repositories of components: only their images run in environments."""
        return self.repositories - self.known_only

    @property
    def program_uses(self) -> tuple[ProgramUse, ...]:
        """Each component that names a program, with the sources of its secrets."""
        return tuple(
            ProgramUse(component=c.name, program=self.programs[c.program], secrets=c.secrets)
            for c in self.components.values()
            if c.program is not None and c.program in self.programs
        )

    @property
    def used_secrets(self) -> Mapping[str, NamedSecret]:
        """Named secrets that a component uses, by name."""
        used = {source for c in self.components.values() for source in c.secrets.values()}
        return {name: self.secrets[name] for name in sorted(used & self.secrets.keys())}

    def hooks(self, kind: HookKind) -> Mapping[str, Hook]:
        """Return the hook of each component that has one of this kind."""
        return {n: c.hooks[kind] for n, c in sorted(self.components.items()) if kind in c.hooks}

    def require(self, repository: str) -> None:
        """Raise `InvalidInput` if `repository` may not report a build."""
        if repository not in self.repositories:
            known = ", ".join(sorted(self.repositories))
            raise InvalidInput(
                f"repo {repository!r} is not part of any environment",
                hint=f"repositories are {known}",
            )

    def default_tag(self, repository: str) -> str:
        """Tag of a repository's default branch; `master` for one without a component."""
        found = (c.default_tag for c in self.components.values() if c.repository == repository)
        return next(found, "master")

    def select(self, repositories: Iterable[str]) -> "Catalogue":
        """Reduce this catalogue to the given repositories (`GROMIT_REPOS`); fixed images stay."""
        selected = frozenset(repositories)
        kept = {
            name: component
            for name, component in self.components.items()
            if component.repository is None or component.repository in selected
        }
        deployed = {c.repository for c in kept.values() if c.repository}
        return replace(self, components=kept, known_only=selected - deployed)
