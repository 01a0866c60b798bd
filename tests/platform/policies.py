"""AWS's decision on a request, evaluated here from the applied policies as IAM returns them.

The emulator cannot distinguish right from wrong policies: its enforcement ignores resources outside
S3, and its statement evaluator reads a condition that is not met as a refusal and does not know
`?`. This evaluator knows the elements and condition operators in use. It raises `UnknownElement`
for any other, so it never ignores a part of a policy.

    iam = emulator.client("iam")
    role = role_policies(iam, "gromit-sow")
    service = "arn:aws:ecs:eu-central-1:123456789012:service/app-test/tyk"
    assert role.allows("ecs:CreateService", service)

The rules are those of AWS's page "Policy evaluation logic", for requests inside one account.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from typing import Any

Context = Mapping[str, str | Sequence[str]]
"""Condition keys of a request, such as `{"aws:SecureTransport": "true"}`; others are absent."""

_ELEMENTS = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"}
)


class UnknownElement(Exception):
    """A policy has an element that this evaluator does not know: add it, with a test."""


class Effect(Enum):
    """Decision of the policies on a request; only `ALLOWED` permits it."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    """A statement denies it, and no other statement can override that."""
    NOT_ALLOWED = "not allowed"
    """No statement allows it, which is the default."""


@dataclass(frozen=True, slots=True)
class Request:
    """An action that a principal requests."""

    action: str
    resource: str | None = None
    """ARN, or `*` for an action without resources; None for policies without resources (trust)."""
    context: Context = field(default_factory=dict)
    principal: tuple[str, str] | None = None
    """Kind and name, such as `("Federated", "arn:…")`; for resource and trust policies."""


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies that are evaluated together."""

    identity: tuple[Mapping[str, Any], ...] = ()
    resource: tuple[Mapping[str, Any], ...] = ()
    boundary: tuple[Mapping[str, Any], ...] | None = None

    def decide(self, request: Request) -> Effect:
        """Return the decision on a request.

        A denial wins. Otherwise a statement must allow the request, and so must a boundary.
        """
        identity, resource = _decide(self.identity, request), _decide(self.resource, request)
        boundary = Effect.ALLOWED if self.boundary is None else _decide(self.boundary, request)
        if Effect.REFUSED in {identity, resource, boundary}:
            return Effect.REFUSED
        allowed = resource is Effect.ALLOWED or (
            identity is Effect.ALLOWED and boundary is Effect.ALLOWED
        )
        return Effect.ALLOWED if allowed else Effect.NOT_ALLOWED

    def allows(self, action: str, resource: str, context: Context | None = None) -> bool:
        """Whether the holder of these policies may do it."""
        return self.decide(Request(action, resource, context or {})) is Effect.ALLOWED

    def with_statement(self, statement: Mapping[str, Any]) -> "Policies":
        """Return the policies with one more statement, to see that a test would notice it."""
        return replace(self, identity=(*self.identity, statement))


@dataclass(frozen=True, slots=True)
class Trust:
    """Permission to assume a role."""

    statements: tuple[Mapping[str, Any], ...]

    def accepts(
        self, action: str, principal: tuple[str, str], context: Context | None = None
    ) -> bool:
        """Whether the principal gets the role, for example by `sts:AssumeRoleWithWebIdentity`."""
        return (
            _decide(self.statements, Request(action, None, context or {}, principal))
            is Effect.ALLOWED
        )


def role_policies(iam: Any, name: str) -> Policies:
    """Return all policies of a role: inline and attached ones, and its boundary."""
    inline = [
        iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"]
        for p in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return _policies(iam, iam.get_role(RoleName=name)["Role"], inline, attached)


def user_policies(iam: Any, name: str) -> Policies:
    """Return all policies of a user: inline and attached ones, and its boundary.

    Users in groups are not supported.
    """
    if iam.list_groups_for_user(UserName=name)["Groups"]:
        raise UnknownElement(f"user {name} is in a group")
    inline = [
        iam.get_user_policy(UserName=name, PolicyName=p)["PolicyDocument"]
        for p in iam.list_user_policies(UserName=name)["PolicyNames"]
    ]
    attached = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
    return _policies(iam, iam.get_user(UserName=name)["User"], inline, attached)


def everybody(iam: Any) -> Mapping[str, Policies]:
    """Return the policies of all roles and users, by `role NAME` and `user NAME`.

    Roles that AWS made for itself are left out.
    """
    roles = [
        r["RoleName"] for page in iam.get_paginator("list_roles").paginate() for r in page["Roles"]
    ]
    users = [
        u["UserName"] for page in iam.get_paginator("list_users").paginate() for u in page["Users"]
    ]
    return {
        **{
            f"role {name}": role_policies(iam, name)
            for name in roles
            if not name.startswith("AWSServiceRoleFor")
        },
        **{f"user {name}": user_policies(iam, name) for name in users},
    }


def policy_texts(iam: Any, role: str) -> Mapping[str, str]:
    """Return a role's policies as IAM counts their length: without white space.

    All inline policies share one limit, and are one text, under "". Each managed one has its own.
    """
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    inline = (
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
    )
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return {
        "": "".join(map(_without_space, inline)),
        **{p["PolicyName"]: _without_space(_managed(iam, p["PolicyArn"])) for p in attached},
    }


def _without_space(document: Any) -> str:
    return re.sub(r"\s", "", json.dumps(document))


def role_trust(iam: Any, name: str) -> Trust:
    """Return the trust policy of a role."""
    return Trust(statements(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]))


def statements(document: Mapping[str, Any] | str) -> tuple[Mapping[str, Any], ...]:
    """Return the statements of a policy document."""
    parsed = json.loads(document) if isinstance(document, str) else document
    return tuple(_listed(parsed["Statement"]))


def _policies(
    iam: Any, owner: Mapping[str, Any], inline: Iterable[Any], attached: Iterable[Mapping[str, str]]
) -> Policies:
    documents = [*inline, *(_managed(iam, policy["PolicyArn"]) for policy in attached)]
    boundary = owner.get("PermissionsBoundary")
    return Policies(
        identity=tuple(statement for document in documents for statement in statements(document)),
        boundary=statements(_managed(iam, boundary["PermissionsBoundaryArn"]))
        if boundary
        else None,
    )


def _managed(iam: Any, arn: str) -> Any:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]


def _decide(found: Iterable[Mapping[str, Any]], request: Request) -> Effect:
    effects = {statement["Effect"] for statement in found if _applies(statement, request)}
    if "Deny" in effects:
        return Effect.REFUSED
    return Effect.ALLOWED if "Allow" in effects else Effect.NOT_ALLOWED


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    """Whether a statement applies to a request.

    All its elements are checked, so that an unknown one is always noticed.
    """
    if unknown := statement.keys() - _ELEMENTS:
        raise UnknownElement(f"element {sorted(unknown)}")
    return all([
        _acts(statement, request.action),
        _concerns(statement, request.resource),
        _is_meant(statement.get("Principal"), request.principal),
        *(
            _holds(operator, key, _listed(values), request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        ),
    ])  # fmt: skip


def _acts(statement: Mapping[str, Any], action: str) -> bool:
    """Whether a statement names an action; case is ignored."""
    if "NotAction" in statement:
        return not any(_like(a.lower(), action.lower()) for a in _listed(statement["NotAction"]))
    return any(_like(a.lower(), action.lower()) for a in _listed(statement["Action"]))


def _concerns(statement: Mapping[str, Any], resource: str | None) -> bool:
    if "NotResource" in statement:
        return resource is None or not any(
            _arn_like(r, resource) for r in _listed(statement["NotResource"])
        )
    if "Resource" not in statement:
        return resource is None
    return resource is not None and any(
        _arn_like(r, resource) for r in _listed(statement["Resource"])
    )


def _is_meant(meant: Any, principal: tuple[str, str] | None) -> bool:
    if meant is None:
        return True
    if meant in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        return True
    if principal is None:
        return False
    kind, name = principal
    return name in _listed(meant.get(kind, []))


def _arn_like(pattern: str, arn: str) -> bool:
    """Whether an ARN matches a pattern.

    A wildcard stays within its segment of the ARN. The last segment may itself contain colons. A
    pattern of only `*` matches everything.
    """
    if pattern == "*":
        return True
    if pattern.count(":") < 5:
        raise UnknownElement(f"resource {pattern}: neither an ARN nor *")
    parts = zip(pattern.split(":", 5), arn.split(":", 5), strict=False)
    return arn.count(":") >= 5 and all(_like(wanted, given) for wanted, given in parts)


def _like(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise UnknownElement(f"variable in {pattern}")
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}
"""Positive operators; each but `Bool` has an opposite with `Not` in its name."""
_OPPOSITES: Mapping[str, Callable[[str, str], bool]] = {
    re.sub("^(String|Arn)", r"\1Not", name): test
    for name, test in _OPERATORS.items()
    if name != "Bool"
}


def _holds(operator: str, key: str, wanted: Sequence[str], context: Context) -> bool:
    """Whether one condition holds.

    If the key is absent, a positive operator fails and a negative one holds, unless it ends in
    `IfExists`, or `Null` asks for it.
    """
    given = {name.lower(): _listed(value) for name, value in context.items()}.get(key.lower())
    if operator == "Null":
        return (given is None) == (wanted[0].lower() == "true")
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    if name not in {*_OPERATORS, *_OPPOSITES} or quantifier not in {
        "",
        "ForAllValues",
        "ForAnyValue",
    }:
        raise UnknownElement(f"condition {operator}")
    if given is None:
        return quantifier == "ForAllValues" or (
            quantifier == "" and (name in _OPPOSITES or rest.endswith("IfExists"))
        )
    return _compare(name, quantifier, wanted, given)


def _compare(name: str, quantifier: str, wanted: Sequence[str], given: Sequence[str]) -> bool:
    negative = name in _OPPOSITES
    test = {**_OPERATORS, **_OPPOSITES}[name]
    results = [any(test(w, g) for w in wanted) is not negative for g in given]
    if quantifier == "ForAllValues" or (negative and not quantifier):
        return all(results)
    return any(results)


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | Mapping | bool) else list(value)
