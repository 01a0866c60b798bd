"""The config files of an environment: their text from the catalogue's templates, and what may be written over what lies there.

Pure: no file is read or written here. Rendering depends on its arguments alone (no clock, no chance), because the hash of what lies
in a folder decides whether a component is rolled over.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gromit.core.stack.addresses import internal_name
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import Platform
from gromit.errors import ConfigError

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""A name of a config file: no folder in it, not hidden, safe on every file system."""

BOOKKEEPING = ".gromit"
"""Names that begin so are gromit's own: never a config file, and not part of a folder's hash."""

NO_FILE = "not a file"
"""Stands for the hash of a link, folder or device that lies where a file belongs: equal to no hash."""

_TEMPLATE = "<template>"
_HINT = "templates know env, domain, peers, versions and platform (docs/reference/catalogue.md)"


def _sandbox() -> ImmutableSandboxedEnvironment:
    """Jinja2 without access to Python, without silent gaps, and without chance (`lipsum`, `random`)."""
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
    """What templates may use."""

    env: str
    """Name of the environment."""
    domain: str | None
    """Domain of public names; a template that uses it where none is set is an error."""
    peers: Mapping[str, str]
    """Component to its internal name, `redis.app-test.internal`."""
    versions: Mapping[str, str]
    """Repository to version."""
    platform: Platform


def internal_names(catalogue: Catalogue, environment: str) -> Mapping[str, str]:
    """The name under which each component of an environment is found from inside: `redis.app-test.internal`."""
    return {name: internal_name(name, environment) for name in catalogue.components}


def render_files(
    catalogue: Catalogue, variables: TemplateVariables
) -> Mapping[str, Mapping[str, str]]:
    """Component to file to text, for every component that has a config folder, be it empty.

    Raises `ConfigError` naming component, file and line of a template that cannot be rendered.
    """
    return {
        name: {file: _render(component, file, variables) for file in sorted(component.templates)}
        for name, component in sorted(catalogue.components.items())
        if component.config_path is not None
    }


def check_syntax(component: str, file: str, text: str) -> None:
    """Raise `ConfigError` naming component, file and line if the text is no template."""
    try:
        _JINJA.parse(text)
    except TemplateSyntaxError as error:
        raise _broken(component, file, error.lineno, error.message or "syntax error") from error


def sample_variables(catalogue: Catalogue) -> TemplateVariables:
    """Made-up variables of the right shape, with which `catalogue check` tries every template."""
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


class FileAction(StrEnum):
    """What to do with one file."""

    WRITE = "write"
    KEEP = "keep"
    UNCHANGED = "unchanged"
    REMOVE = "remove"


def decide_file_action(
    rendered: Collection[str], present: str | None, wanted: str | None
) -> FileAction:
    """What to do with a file: a person's work is never overwritten, everything else follows the template.

    `rendered`: hashes of what gromit may have put there (two, if it was stopped between noting and writing).
    `present`: hash of what lies there, `NO_FILE` for something else than a file, None for nothing.
    `wanted`: hash of the new text, None if no template makes this file any more.

    | rendered | present | wanted | step      | because                                                   |
    |----------|---------|--------|-----------|-----------------------------------------------------------|
    | -        | -       | A      | write     | new                                                       |
    | A        | A       | A      | unchanged |                                                           |
    | A        | A       | B      | write     | nobody touched it: it follows its template                |
    | A        | X       | A or B | keep      | a person edited it                                        |
    | A        | B       | B      | unchanged | edited into just what is wanted                           |
    | A B      | A or B  | C      | write     | we were stopped half-way; either one is ours              |
    | A        | -       | A or B | write     | a person removed it: that is how one gets the template's  |
    | -        | A       | A      | unchanged | was there before us, and is right                         |
    | -        | X       | A      | keep      | was there before us                                       |
    | A        | A       | -      | remove    | its template is gone, and nobody touched it               |
    | A or -   | X       | -      | keep      | a person's own file                                       |
    | A        | -       | -      | unchanged | gone already                                              |
    """
    if present == wanted:
        return FileAction.UNCHANGED
    # A person's own file is never touched.
    if present is not None and present not in rendered:
        return FileAction.KEEP
    return FileAction.REMOVE if wanted is None else FileAction.WRITE


def file_hash(content: bytes) -> str:
    """SHA-256 of one file's content, in hex."""
    return hashlib.sha256(content).hexdigest()


def folder_hash(files: Iterable[tuple[bytes, bytes]]) -> str:
    """The hash of a config folder, from each regular file's path (relative, with `/`, in UTF-8) and content; in hex.

    SHA-256 over, for each file in byte order of its path: the path, a NUL byte, the length of the content as 8 bytes (big endian),
    the content. Links, and whatever lies under a name that begins with `.gromit`, are left out by the caller.
    """
    total = hashlib.sha256()
    for path, content in sorted(files):
        total.update(path + b"\0" + len(content).to_bytes(8, "big"))
        total.update(content)
    return total.hexdigest()


def _render(component: Component, file: str, variables: TemplateVariables) -> str:
    known = {
        "env": variables.env,
        "peers": variables.peers,
        "versions": variables.versions,
        "platform": variables.platform,
        **({} if variables.domain is None else {"domain": variables.domain}),
    }
    try:
        text = _JINJA.from_string(component.templates[file]).render(known)
        text.encode()  # half of a surrogate pair could not be written to a file
    except TemplateSyntaxError as error:
        raise _broken(
            component.name, file, error.lineno, error.message or "syntax error"
        ) from error
    except TemplateError as error:
        raise _broken(
            component.name, file, _line(error), error.message or type(error).__name__
        ) from error
    except Exception as error:  # a template can raise whatever the values it touches raise
        raise _broken(
            component.name, file, _line(error), f"{type(error).__name__}: {error}"
        ) from error
    return text


def _line(error: Exception) -> int:
    """The template's line in which an error arose; 0 if Jinja2 does not say."""
    frame, line = error.__traceback__, 0
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == _TEMPLATE:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _broken(component: str, file: str, line: int, why: str) -> ConfigError:
    return ConfigError(f"template {file} of component {component}, line {line}: {why}", hint=_HINT)
