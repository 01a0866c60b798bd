"""Conversion of refs, repositories and versions from clients into names that are safe everywhere.

An environment's name is a DNS label, an ECS cluster, a Cloud Map service suffix, part of an S3 key
and a folder, so a single pure function makes it. The rules are part of the wire contract; examples
are in `docs/reference/names.md`.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import NewType
from urllib.parse import unquote

from gromit.core.text import is_plain
from gromit.errors import ConfigError, InvalidInput

EnvironmentName = NewType("EnvironmentName", str)

RESERVED = frozenset({"noprocess", "default", "internal", "base", "infra", "www"})
"""Names with another meaning.

They are the suspension file, ECS' default cluster, the shared namespace, our stacks, and the www
of the zone.
"""

WORK_INDEX = "work"
"""Index of the table that lists due work, named for its key."""

DIGEST_LENGTH = 8
"""Characters of the digest of a branch."""

LIFE_INDEX = "life"
"""Index of the table that lists environments by the next look at their lifetime."""

SEQUENCE_MAX = 2**53 - 1
"""Greatest sequence of a build: JSON's numbers are exact up to it."""

INSTALLATION_NAME = "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
"""Pattern of the names of installations."""

WIRE_KEYS = frozenset({"name", "state"})
"""Reserved keys of a flat environment: no repository can have such a name."""

NAME_MAX = 40
REF_MAX = 1024
_CUT = 27  # 27 + "-" + 12 hex digits = 40

COMPONENT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
"""Pattern of the names of components, which also have no `--`."""

_PLAIN = COMPONENT_NAME
_HASHED_END = re.compile(r"-[0-9a-f]{12}$")
_OTHER = re.compile(r"[^a-z0-9]+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_REFS, _BRANCHES = "refs/", "refs/heads/"
_NO_BRANCHES = (
    ("refs/pull/", "a pull request", "send the pull request's branch: github.head_ref"),
    ("refs/tags/", "a tag", "send the branch: no event ends the environment of a tag"),
    (_REFS, "no branch", "send a branch, as its name or as refs/heads/NAME"),
)
"""Prefixes of refs that make no environment: what such a ref is, and what to send instead."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch that a repository reported."""

    full: str
    """The decoded ref without `refs/heads/`. Two builds are of the same ref if these are equal."""
    leaf: str
    """The last path element, which the release workflows use as image tag."""
    environment: EnvironmentName
    """Name of the environment that the ref belongs to."""

    @property
    def is_nested(self) -> bool:
        """Whether the environment's name comes from a part of the branch's name only."""
        return "/" in self.full


def parse_ref(text: str) -> Ref:
    """Parse a branch: `app-test`, `refs/heads/integration/app-test`, or either one URL-encoded.

    Raises `InvalidInput` if it yields no usable name, or is below `refs/` but not `refs/heads/`.
    This is the only place for that rule: serve, the gateway and the commands all parse refs here.
    """
    # Strip only blanks: branches may begin and end with other white space.
    decoded = unquote(_printable(text, "ref")).strip(" ")
    ref = _printable(decoded, "ref").lstrip("/")
    if not ref.startswith(_BRANCHES):
        _refuse_other_refs(ref)
    full = ref.removeprefix(_BRANCHES).strip("/")
    leaf = last_element(full)
    return Ref(full=full, leaf=leaf, environment=environment_name(leaf))


def branch_digest(branch: str) -> str:
    """Return the first 6 bytes of the SHA-256 of a branch's full name, in base64 for URLs.

    If two branches shared one, a list of branches would keep a deleted one, at worst.
    """
    digest = hashlib.sha256(branch.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:6]).decode()


def last_element(full: str) -> str:
    """Return the last path element of a ref that is decoded already."""
    return full.rsplit("/", 1)[-1]


def environment_name(leaf: str) -> EnvironmentName:
    """Return the environment's name for the last path element of a ref.

    Dots and case do not count: `release-3.1.0` is `release-310`, `App-Test` is `app-test`. If the
    result is a valid name without a hash at its end, it is kept. Anything else gets a readable
    stem and 12 hex digits of its SHA-256, so that no two different refs share a name.
    Raises `InvalidInput` if no readable character is left.
    """
    normalized = leaf.replace(".", "").lower()
    if _is_plain(normalized):
        return EnvironmentName(normalized)
    stem = _OTHER.sub("-", normalized).strip("-")[:_CUT].rstrip("-")
    if not stem:
        raise InvalidInput(
            f"ref {leaf!r} yields no usable environment name",
            hint="use a branch whose last path element has at least one letter a-z or digit",
        )
    digest = hashlib.sha256(normalized.encode()).hexdigest()[:12]
    return EnvironmentName(f"{stem}-{digest}")


def mapped_name(text: str) -> EnvironmentName | None:
    """Return the environment of a name that gromit v1 used; None if no name can be made of it.

    gromit v1 took the last path element of a branch as it was, with capitals and underscores.
    """
    if is_environment_name(text):
        return EnvironmentName(text)
    try:
        return environment_name(text)
    except InvalidInput:
        return None


def reaping_name(text: str) -> EnvironmentName:
    """Return a name that no branch maps to, to destroy what gromit v1 made under any name."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return EnvironmentName(f"v1-{digest[:12]}")


def is_name_of(text: str, environment: str) -> bool:
    """Whether an environment may have had this name in gromit v1, or has it now."""
    return environment in {text, mapped_name(text), reaping_name(text)}


def is_environment_name(text: str) -> bool:
    """Whether `environment_name` can return this text, which makes it safe in paths and keys."""
    return (
        len(text) <= NAME_MAX
        and _PLAIN.fullmatch(text) is not None
        and "--" not in text
        and text not in RESERVED
    )


def parse_repository(text: str) -> str:
    """Return the repository's own name.

    It is `tyk-pump` for `tyk-pump`, `TykTechnologies/tyk-pump` and `TykTechnologies%2Ftyk-pump`.
    Raises `InvalidInput` if it is not valid.
    """
    name = unquote(_printable(text, "repo")).strip(" ").strip("/").rsplit("/", 1)[-1]
    if not _REPOSITORY.fullmatch(name):
        raise InvalidInput(
            f"repo {text!r} is not a repository name", hint="send its name, or owner/name"
        )
    return name


def check_repository(name: str) -> None:
    """Raise `ConfigError` for the names `name` and `state`, which the flat wire format reserves."""
    if name in WIRE_KEYS:
        raise ConfigError(
            f"no repository can be called {name!r}",
            hint="rename the repository (docs/reference/wire.md describes this key)",
        )


def parse_version(text: str) -> str:
    """Return a version if it is an image tag that registries accept; else raise `InvalidInput`."""
    if not _TAG.fullmatch(text):
        raise InvalidInput(
            f"version {text[:140]!r} is not an image tag",
            hint="a tag has 1 to 128 letters, digits, '_', '.' or '-',"
            " and starts with a letter, a digit or '_'",
        )
    return text


def normalize_dns_name(text: str) -> str:
    """Return a DNS name as names are compared: lower case, without the root's dot at the end."""
    return text.removesuffix(".").lower()


def is_tag(text: str) -> bool:
    """Whether a registry accepts this as the tag of an image."""
    return _TAG.fullmatch(text) is not None


def _is_plain(normalized: str) -> bool:
    return is_environment_name(normalized) and not _HASHED_END.search(normalized)


def _refuse_other_refs(ref: str) -> None:
    for prefix, what, hint in _NO_BRANCHES:
        if ref.startswith(prefix):
            raise InvalidInput(
                f"ref {ref!r} is {what}, and only branches have environments", hint=hint
            )


def _printable(text: str, what: str) -> str:
    if not text.strip():
        raise InvalidInput(f"{what} is empty", hint=f"send a {what}")
    if len(text) > REF_MAX:
        raise InvalidInput(
            f"{what} has {len(text)} characters", hint=f"at most {REF_MAX} are accepted"
        )
    if not is_plain(text):
        raise InvalidInput(
            f"{what} {text!r} contains control or invisible characters",
            hint=f"send a {what} without them",
        )
    # Decoding replaces every byte that is not UTF-8 by this, so that different refs would be equal.
    if "\ufffd" in text:
        raise InvalidInput(
            f"{what} {text!r} is not UTF-8", hint=f"send the {what} in UTF-8, or URL-encoded UTF-8"
        )
    return text
