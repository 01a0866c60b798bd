"""Versions by repository, as words of a command or in a file."""

from collections.abc import Mapping, Sequence
from typing import IO, Any

from gromit.errors import Conflict, InvalidInput

_QUOTED = 'put it in quotes, like tyk: "1.10"'


def given_versions(pairs: Sequence[str], source: IO[bytes] | None) -> Mapping[str, str]:
    """Return the versions of words REPO=VERSION or of a file. Raises `InvalidInput`."""
    if source is not None and pairs:
        raise InvalidInput("versions are given twice", hint="give REPO=VERSION, or --file")
    if source is not None:
        return read_versions(source)
    if not pairs:
        raise InvalidInput("no version is given", hint="give REPO=VERSION, or --file")
    given: dict[str, str] = {}
    for pair in pairs:
        repository, _, version = pair.partition("=")
        if not version:
            raise InvalidInput(f"{pair!r} is not REPO=VERSION", hint="for example tyk=sha-1234")
        given[repository] = version
    if len(given) < len(pairs):
        raise InvalidInput(
            "a repository is given twice", hint="give one version for each repository"
        )
    return given


def copied_versions(found: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the versions of an environment that another one is to have.

    Versions of default branches are none: each environment looks them up by itself.
    """
    if found["phase"] == "gone":
        raise Conflict(
            f"{found['name']} is gone",
            hint=f"`gromit env history {found['name']}` has its versions",
        )
    versions = found["versions"].items()
    return {r: v["version"] for r, v in versions if v["source"] != "default"}


def read_versions(source: IO[bytes]) -> Mapping[str, str]:
    """Return the versions in a file, by repository.

    Raises `InvalidInput` for a value that is not text: YAML has changed a number or a date.
    """
    # PyYAML is slow to import, and one command of `env` reads a file.
    from gromit.documents import InvalidYaml, parse_yaml  # noqa: PLC0415

    try:
        versions = parse_yaml(source.read())
    except InvalidYaml as error:
        raise InvalidInput(
            f"{source.name} is neither JSON nor YAML in UTF-8: {error}", hint=_QUOTED
        ) from error
    if not isinstance(versions, dict):
        raise InvalidInput(
            f"{source.name} is not a mapping of repositories to versions",
            hint='for example {"tyk": "sha-1234"}',
        )
    for repository, version in versions.items():
        if not isinstance(repository, str):
            raise InvalidInput(
                f"{source.name}: the repository {repository!r} is not text", hint="put it in quotes"
            )
        if not isinstance(version, str):
            fault = "empty" if version is None else f"not text, but {type(version).__name__}"
            raise InvalidInput(
                f"{source.name}: the version of {repository} is {fault}", hint=_QUOTED
            )
    return versions
