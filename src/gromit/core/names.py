"""How refs, repositories and versions from outside become names that are safe everywhere.

An environment's name is a DNS label, an ECS cluster, a Cloud Map service suffix, an S3 key part and a folder at once, so it is
made here, once, by a pure function. The rules are the wire contract's; examples are in `docs/reference/names.md`.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import NewType
from urllib.parse import unquote

from gromit.errors import InvalidInput

EnvironmentName = NewType("EnvironmentName", str)

RESERVED = frozenset({"noprocess", "default", "internal", "base", "infra", "www"})
"""Names that mean something else: the suspension file, ECS' default cluster, the shared namespace, our stacks, the zone's www."""

WORK_INDEX = "work"
"""Index of the table that lists due work, named for its key."""

NAME_MAX = 40
REF_MAX = 1024
_CUT = 27  # 27 + "-" + 12 hex digits = 40

_PLAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_HASHED_END = re.compile(r"-[0-9a-f]{12}$")
_OTHER = re.compile(r"[^a-z0-9]+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or tag as a repository reported it."""

    full: str
    """What was reported, decoded, without `refs/heads/`: two builds are of the same ref if these are equal."""
    leaf: str
    """Its last path element: what the release workflows use as image tag."""
    environment: EnvironmentName
    """The environment it belongs to."""


def parse_ref(text: str) -> Ref:
    """The ref in `text`: `app-test`, `refs/heads/integration/app-test`, or either one URL-encoded.

    Raises `InvalidInput` where no usable name comes out of it.
    """
    decoded = unquote(_printable(text, "ref")).strip(
        " "
    )  # not other white space: branches may begin and end with it
    full = _printable(decoded, "ref").removeprefix("refs/heads/").strip("/")
    leaf = full.rsplit("/", 1)[-1]
    return Ref(full=full, leaf=leaf, environment=environment_name(leaf))


def environment_name(last: str) -> EnvironmentName:
    """The environment's name for the last element of a ref.

    Dots and case are declared equal (`release-3.1.0` is `release-310`, `App-Test` is `app-test`). What is a fitting name then is
    kept; anything else gets a readable stem and 12 hex digits of its SHA-256, so that no two different refs ever meet.
    Raises `InvalidInput` if nothing readable is left.
    """
    essence = last.replace(".", "").lower()
    if _is_plain(essence):
        return EnvironmentName(essence)
    stem = _OTHER.sub("-", essence).strip("-")[:_CUT].rstrip("-")
    if not stem:
        raise InvalidInput(
            f"ref {last!r} yields no usable environment name",
            hint="use a branch whose last path element has at least one letter a-z or digit",
        )
    digest = hashlib.sha256(essence.encode()).hexdigest()[:12]
    return EnvironmentName(f"{stem}-{digest}")


def is_environment_name(text: str) -> bool:
    """Whether `text` is a name that `environment_name` can give, so that it is safe in paths, keys and labels."""
    return (
        len(text) <= NAME_MAX
        and _PLAIN.fullmatch(text) is not None
        and "--" not in text
        and text not in RESERVED
    )


def parse_repository(text: str) -> str:
    """The repository's own name: `tyk-pump` of `tyk-pump`, `TykTechnologies/tyk-pump` or `TykTechnologies%2Ftyk-pump`."""
    name = unquote(_printable(text, "repo")).strip(" ").strip("/").rsplit("/", 1)[-1]
    if not _REPOSITORY.fullmatch(name):
        raise InvalidInput(
            f"repo {text!r} is not a repository name", hint="send its name, or owner/name"
        )
    return name


def parse_version(text: str) -> str:
    """A version as an image tag: 1 to 128 letters, digits, `_`, `.` and `-`, as registries accept it."""
    if not _TAG.fullmatch(text):
        raise InvalidInput(
            f"version {text[:140]!r} is not an image tag",
            hint="a tag has 1 to 128 letters, digits, '_', '.' or '-', and starts with a letter, a digit or '_'",
        )
    return text


def normalize_dns_name(text: str) -> str:
    """Return a DNS name as names are compared: lower case, without the root's dot at the end."""
    return text.removesuffix(".").lower()


def is_tag(text: str) -> bool:
    """Whether a registry could hold an image under this tag."""
    return _TAG.fullmatch(text) is not None


def _is_plain(essence: str) -> bool:
    return is_environment_name(essence) and not _HASHED_END.search(essence)


def _printable(text: str, what: str) -> str:
    if not text.strip():
        raise InvalidInput(f"{what} is empty", hint=f"send a {what}")
    if len(text) > REF_MAX:
        raise InvalidInput(
            f"{what} has {len(text)} characters", hint=f"at most {REF_MAX} are accepted"
        )
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise InvalidInput(
            f"{what} {text!r} holds control characters", hint=f"send the plain {what}"
        )
    if (
        "\ufffd" in text
    ):  # what decoding makes of every byte that is not UTF-8: different refs would become one
        raise InvalidInput(
            f"{what} {text!r} is not UTF-8", hint=f"send the {what} in UTF-8, or URL-encoded UTF-8"
        )
    return text
