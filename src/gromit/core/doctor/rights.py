"""What the role of each part may do and, as much, what it may not: the figures that the doctor compares AWS's own judgement with.

part          may                                                          may not
serve         read and write the table; see images                         touch states or records, pass the environments' role
sow           what terraform asks for; see images; read the platform;      write the table; pass a role of the control plane
              pass the environments' role
reap          what terraform asks for; read the platform                   write the table
chitragupta   see interfaces; read and change the zone's records           write the table, read states, pass roles
gateway       nothing                                                      write the table, read states, change records
environments  pull images, write logs                                      read the table or states, change records

None of them may read the key of the CA. What terraform asks for is far more than is asked about here: states, the name that `init`
looks for, and Cloud Map, whose actions on tags know no resources, are what a policy that looks right gets wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.doctor.findings import Check, Finding, ok, skipped, wrong
from gromit.core.doctor.installation import AwsIdentity, ExpectedInstallation
from gromit.core.names import WORK_INDEX
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.contract import Platform
from gromit.core.stack.terraform import STATE_KEY, state_key
from gromit.errors import ConfigError


class ControlPlanePart(StrEnum):
    """Whose role it is."""

    SERVE = "serve"
    SOW = "sow"
    REAP = "reap"
    CHITRAGUPTA = "chitragupta"
    GATEWAY = "gateway"
    ENVIRONMENTS = "environments"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceArns:
    """ARNs of what rights are about."""

    table: str
    index: str
    states: str
    no_state: str
    """The state of the workspace `default`, which never is: to be told so, terraform must be allowed to look."""
    bucket: str
    namespace: str
    names: str
    """A name in Cloud Map, of some environment."""
    zone: str
    parameter: str
    registries: tuple[str, ...]
    logs: str
    """A log stream of some environment."""
    execution_role: str
    serve_role: str
    ca_key: str
    """A secret with the name of the CA's key; its ending is not the real one, so that nothing but a wildcard allows it."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Some actions on one resource, and whether a part is to be allowed them."""

    actions: tuple[str, ...]
    resource: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class SimulatedRole:
    """What AWS says of one role."""

    role: str
    """Name or ARN."""
    named: bool
    """A setting names the role; else its name is the usual one."""
    allowed: Mapping[tuple[str, str], bool] | None
    """(action, resource) to AWS's judgement; None: there is no such role."""


_WRITE = ("dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:DeleteItem")
_OBJECTS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
_CHANGE = ("route53:ChangeResourceRecordSets",)
_PASS = ("iam:PassRole",)
_NAMES_TAGS = tuple(
    f"servicediscovery:{action}"
    for action in ("ListTagsForResource", "TagResource", "UntagResource")
)


def expected_permissions(part: ControlPlanePart, places: ResourceArns) -> tuple[Permission, ...]:
    """What is to be asked about a part."""
    may, may_not = _TABLE[part](places)
    may_not = [*may_not, (("secretsmanager:GetSecretValue",), places.ca_key)]
    return (
        *(Permission(a, r, allowed=True) for a, r in may),
        *(Permission(a, r, allowed=False) for a, r in may_not),
    )


def resource_arns(
    identity: AwsIdentity,
    platform: Platform,
    expected: ExpectedInstallation,
    catalogue: Catalogue,
    serve_role: str,
) -> ResourceArns:
    """Build the ARNs of an installation in the platform's region and the caller's account."""
    partition = identity.arn.split(":")[1]
    here = f"arn:{partition}:%s:{platform.region}:{identity.account}"
    owner = expected.registry_id or identity.account
    registry = f"arn:{partition}:ecr:{platform.region}:{owner}:repository"
    repositories = [c.repository for c in catalogue.components.values() if c.repository]
    table = f"{here % 'dynamodb'}:table/{expected.table}"
    bucket = f"arn:{partition}:s3:::{expected.state_bucket}"
    if not serve_role.startswith("arn:"):
        serve_role = f"arn:{partition}:iam::{identity.account}:role/{serve_role}"
    return ResourceArns(
        table=table,
        index=f"{table}/index/{WORK_INDEX}",
        states=f"{bucket}/{state_key('example')}",
        no_state=f"{bucket}/{STATE_KEY}",
        bucket=bucket,
        namespace=f"{here % 'servicediscovery'}:namespace/{platform.namespace_id}",
        names=f"{here % 'servicediscovery'}:service/srv-example",
        zone=f"arn:{partition}:route53:::hostedzone/{expected.zone_id}",
        parameter=f"{here % 'ssm'}:parameter/{expected.platform.lstrip('/')}",
        registries=tuple(f"{registry}/{repository}" for repository in repositories),
        logs=f"{here % 'logs'}:log-group:/gromit/example:log-stream:example",
        execution_role=platform.execution_role_arn,
        ca_key=f"{here % 'secretsmanager'}:secret:gromit/ca-key-000000",
        serve_role=serve_role,
    )


def parse_roles(pairs: Iterable[str]) -> Mapping[ControlPlanePart, str]:
    """Role of each part that `doctor.roles` names. Raises `ConfigError` for an unknown part."""
    roles = dict(pair.partition("=")[::2] for pair in pairs)
    if unknown := sorted(roles.keys() - set(ControlPlanePart)):
        raise ConfigError(
            f"doctor.roles names {', '.join(unknown)}",
            hint=f"parts are {', '.join(ControlPlanePart)}",
        )
    return {ControlPlanePart(part): role for part, role in roles.items()}


def default_role_name(part: ControlPlanePart) -> str:
    """The name of a part's role where no setting says another."""
    return f"gromit-{part}"


def judge_permissions(
    answers: Mapping[ControlPlanePart, SimulatedRole], places: ResourceArns
) -> list[Finding]:
    """One finding for each part. If there is none of the control plane's usual roles, it is not installed in this account."""
    installed = any(
        a.allowed is not None
        for part, a in answers.items()
        if part is not ControlPlanePart.ENVIRONMENTS
    )
    return [_judge(part, answer, places, installed=installed) for part, answer in answers.items()]


def _judge(
    part: ControlPlanePart, answer: SimulatedRole, places: ResourceArns, *, installed: bool
) -> Finding:
    if answer.allowed is None:
        seen = f"there is no role {answer.role}"
        if installed or answer.named:
            return wrong(
                Check.RIGHTS, seen, "apply terraform/infra, or name it in doctor.roles", part
            )
        return skipped(
            Check.RIGHTS, f"{seen}, nor a role of another part: name them in doctor.roles", part
        )
    lacks = _different(answer.allowed, expected_permissions(part, places), allowed=True)
    surplus = _different(answer.allowed, expected_permissions(part, places), allowed=False)
    if not lacks and not surplus:
        return ok(
            Check.RIGHTS, f"{answer.role} has its {len(answer.allowed)} rights and refusals", part
        )
    told = [f"may not {', '.join(lacks)}"] if lacks else []
    told += [f"may what it must not: {', '.join(surplus)}"] if surplus else []
    return wrong(
        Check.RIGHTS,
        f"{answer.role} {'; it '.join(told)}",
        "apply terraform/infra: it has the policies",
        part,
    )


def _different(
    answers: Mapping[tuple[str, str], bool], wanted: Iterable[Permission], *, allowed: bool
) -> list[str]:
    """What AWS judges otherwise than it is wanted; what it did not judge counts as refused."""
    asked = [(action, r.resource) for r in wanted if r.allowed is allowed for action in r.actions]
    return [
        f"{action} on {resource}"
        for action, resource in asked
        if answers.get((action, resource), False) is not allowed
    ]


_Pairs = list[tuple[tuple[str, ...], str]]


def _serve(at: ResourceArns) -> tuple[_Pairs, _Pairs]:
    use = ("dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Scan")
    may: _Pairs = [(use, at.table), (("dynamodb:Query",), at.index)]
    may += [(("ecr:BatchGetImage",), r) for r in at.registries]
    return may, [(_OBJECTS, at.states), (_CHANGE, at.zone), (_PASS, at.execution_role)]


def _sow(at: ResourceArns) -> tuple[_Pairs, _Pairs]:
    may = [*_terraform(at), (("ssm:GetParameter",), at.parameter), (_PASS, at.execution_role)]
    may += [(("ecr:BatchGetImage",), r) for r in at.registries]
    return may, [(_WRITE, at.table), (_PASS, at.serve_role)]


def _reap(at: ResourceArns) -> tuple[_Pairs, _Pairs]:
    return [*_terraform(at), (("ssm:GetParameter",), at.parameter)], [
        (_WRITE, at.table),
        (_PASS, at.serve_role),
    ]


def _terraform(at: ResourceArns) -> _Pairs:
    named: _Pairs = [
        (("servicediscovery:CreateService",), place) for place in (at.namespace, at.names)
    ]
    return [
        (_OBJECTS, at.states),
        (("s3:GetObject",), at.no_state),
        (("s3:ListBucket",), at.bucket),
        (_NAMES_TAGS, "*"),
        *named,
    ]


def _chitragupta(at: ResourceArns) -> tuple[_Pairs, _Pairs]:
    may: _Pairs = [
        (("route53:ListResourceRecordSets", *_CHANGE), at.zone),
        (("ec2:DescribeNetworkInterfaces",), "*"),
    ]
    return may, [(_WRITE, at.table), (_OBJECTS, at.states), (_PASS, at.execution_role)]


def _gateway(at: ResourceArns) -> tuple[_Pairs, _Pairs]:
    return [], [(_WRITE, at.table), (_OBJECTS, at.states), (_CHANGE, at.zone)]


def _environments(at: ResourceArns) -> tuple[_Pairs, _Pairs]:
    may: _Pairs = [
        (("ecr:GetAuthorizationToken",), "*"),
        (("logs:CreateLogStream", "logs:PutLogEvents"), at.logs),
    ]
    may += [(("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), r) for r in at.registries]
    return may, [
        (("dynamodb:GetItem", *_WRITE), at.table),
        (_OBJECTS, at.states),
        (_CHANGE, at.zone),
    ]


_TABLE = {
    ControlPlanePart.SERVE: _serve,
    ControlPlanePart.SOW: _sow,
    ControlPlanePart.REAP: _reap,
    ControlPlanePart.CHITRAGUPTA: _chitragupta,
    ControlPlanePart.GATEWAY: _gateway,
    ControlPlanePart.ENVIRONMENTS: _environments,
}
