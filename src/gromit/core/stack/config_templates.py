"""Templates of config files, and their rendering for an environment.

Nothing here reads or writes a file. Rendering depends on its arguments only (no clock, no
randomness), because a changed hash of a config folder starts a rollout of its component.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gromit.core.stack.addresses import internal_name
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import Platform
from gromit.errors import ConfigError

_TEMPLATE = "<template>"
_HINT = (
    "templates know env, domain, peers, versions, platform and config_path"
    " (docs/reference/catalogue.md)"
)

_NO_MONGO = (
    "the platform has no Mongo server: name a host in the variable `mongo` of terraform/infra,"
    " and apply terraform/infra"
)


def _sandbox() -> ImmutableSandboxedEnvironment:
    """Jinja2 without access to Python, undefined values and randomness (`lipsum`, `random`)."""
    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # config files are not HTML
    )
    del made.globals["lipsum"], made.filters["random"]
    return made


_JINJA = _sandbox()


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVariables:
    """Variables of templates."""

    env: str
    """Name of the environment."""
    domain: str | None
    """Domain of public names; if None, a template that uses it fails."""
    peers: Mapping[str, str]
    """Component to internal name, `redis.app-test.internal`."""
    versions: Mapping[str, str]
    """Repository to version."""
    platform: Platform


def internal_names(catalogue: Catalogue, environment: str) -> Mapping[str, str]:
    """Component to internal name: `redis.app-test.internal`."""
    return {name: internal_name(name, environment) for name in catalogue.components}


def render_files(
    catalogue: Catalogue, variables: TemplateVariables
) -> Mapping[str, Mapping[str, str]]:
    """Render the templates of all components with a config folder: component to file to text.

    The folder can be empty. Raises `ConfigError` that names the component, the file and the line of
    a template that cannot be rendered.
    """
    return {
        name: {file: _render(component, file, variables) for file in sorted(component.templates)}
        for name, component in sorted(catalogue.components.items())
        if component.config_path is not None
    }


def check_syntax(component: str, file: str, text: str) -> None:
    """Raise `ConfigError` with component, file and line if `text` is not a valid template."""
    try:
        _JINJA.parse(text)
    except TemplateSyntaxError as error:
        raise _broken(component, file, error.lineno, error.message or "syntax error") from error


def mongo_users(catalogue: Catalogue) -> frozenset[str]:
    """Return the components whose templates name the platform's Mongo server."""
    return frozenset(
        name
        for name, component in catalogue.components.items()
        if any("platform.mongo" in text for text in component.templates.values())
    )


def sample_variables(catalogue: Catalogue) -> TemplateVariables:
    """Sample variables of the right types, with which `catalogue check` tries all templates."""
    platform = Platform(
        vpc_id="vpc-0",
        vpc_cidr="10.0.0.0/16",
        public_subnets=("subnet-0",),
        private_subnets=("subnet-1",),
        namespace_id="ns-0",
        file_system_id="fs-0",
        execution_role_arn="arn:aws:iam::123456789012:role/sample",
        registry="123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        region="eu-central-1",
        mongo="mongo.dev.example.com:27017",
    )
    return TemplateVariables(
        env="sample",
        domain="dev.example.com",
        peers=internal_names(catalogue, "sample"),
        versions={
            repository: catalogue.default_tag(repository) for repository in catalogue.repositories
        },
        platform=platform,
    )


def _render(component: Component, file: str, variables: TemplateVariables) -> str:
    known: dict[str, object] = {
        "env": variables.env,
        "peers": variables.peers,
        "versions": variables.versions,
        "platform": _platform_values(variables.platform),
        "config_path": component.config_path,
    }
    # An undefined domain fails with its name; None would be rendered as text.
    if variables.domain is not None:
        known["domain"] = variables.domain
    try:
        text = _JINJA.from_string(component.templates[file]).render(known)
        text.encode()  # half of a surrogate pair could not be written to a file
    except TemplateSyntaxError as error:
        reason = error.message or "syntax error"
        raise _broken(component.name, file, error.lineno, reason) from error
    except TemplateError as error:
        reason = error.message or type(error).__name__
        raise _broken(component.name, file, _line(error), reason) from error
    except Exception as error:  # a template can raise whatever its values raise
        reason = f"{type(error).__name__}: {error}"
        raise _broken(component.name, file, _line(error), reason) from error
    return text


def _platform_values(platform: Platform) -> Mapping[str, object]:
    """Platform for templates. Without Mongo, a template that uses it fails with the reason."""
    known: dict[str, object] = {f.name: getattr(platform, f.name) for f in fields(platform)}
    return known if platform.mongo else known | {"mongo": StrictUndefined(hint=_NO_MONGO)}


def _line(error: Exception) -> int:
    """Line of the template that raised an error; 0 if unknown."""
    frame, line = error.__traceback__, 0
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == _TEMPLATE:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _broken(component: str, file: str, line: int, why: str) -> ConfigError:
    return ConfigError(f"template {file} of component {component}, line {line}: {why}", hint=_HINT)
