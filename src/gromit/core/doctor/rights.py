"""Permissions that the role of each part must and must not have, compared with AWS's simulation.

part          must be allowed to                             must not be allowed to
serve         read and write the table; list images; read    access states or records;
              the logs of environments, sow and reap;        pass the environments' role
              describe tasks
sow           do what terraform needs; tag images; read      write the table;
              the platform; describe environments' secrets;  pass serve's role
              pass the environments' roles; list interfaces;
              read and change the zone's records
reap          do what terraform needs; read the platform;    write the table; pass serve's role
              remove tags of images
chitragupta   list interfaces; read and change the           write the table; access states;
              zone's records                                 pass roles
gateway       nothing                                        write the table; access states
                                                             or records
environments  pull images; write logs; read their secrets    access the table, states or records
devenv-exec   connect to ECS Exec                            access the table, states or records;
                                                             write logs; pass roles

None of them may read the key of the CA, and only environments may read their secrets. Terraform
needs far more than is simulated here. The simulated part is what a plausible policy gets wrong:
states, the name that `init` looks up, and Cloud Map, whose tag actions know no resources.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.doctor.findings import Check, Finding, ok, skipped, wrong
from gromit.core.doctor.installation import AwsIdentity, ExpectedInstallation
from gromit.core.names import LIFE_INDEX, WORK_INDEX
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.contract import Platform
from gromit.core.stack.secrets import PREFIX
from gromit.core.stack.task_output import WORKER_LOG_GROUPS, log_group
from gromit.core.stack.terraform import STATE_KEY, state_key
from gromit.errors import ConfigError


class ControlPlanePart(StrEnum):
    """Part of the control plane that has a role of its own, and the environments."""

    SERVE = "serve"
    SOW = "sow"
    REAP = "reap"
    CHITRAGUPTA = "chitragupta"
    GATEWAY = "gateway"
    ENVIRONMENTS = "environments"
    EXEC = "devenv-exec"
    """Role of the tasks in which people may run programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceArns:
    """ARNs of the resources that permissions are simulated on."""

    table: str
    indexes: tuple[str, ...]
    states: str
    default_state: str
    """State of workspace `default`. It never exists, but init must be allowed to read it.

    A denial (403) makes init fail; an absence (404) does not.
    """
    bucket: str
    namespace: str
    service: str
    """Cloud Map service of some environment."""
    zone: str
    parameter: str
    registries: tuple[str, ...]
    log_group: str
    """Log group of some environment."""
    logs: str
    """Log stream of some environment."""
    worker_logs: tuple[str, ...]
    """Log groups of the workers that run Terraform."""
    task: str
    """Task of some environment."""
    execution_role: str
    exec_role: str
    """Empty if the platform names none."""
    serve_role: str
    ca_key: str
    """Secret with the name of the CA's key and another suffix: only a wildcard allows it."""
    secret: str
    """Secret of environments."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Actions on one resource, and whether a part must or must not be allowed them."""

    actions: tuple[str, ...]
    resource: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class SimulatedRole:
    """Simulation of one role."""

    role: str
    """Name or ARN."""
    named: bool
    """Whether a setting names the role; otherwise it has its default name."""
    allowed: Mapping[tuple[str, str], bool] | None
    """(action, resource) to whether AWS allows it; None if there is no such role."""


OF_ENVIRONMENTS = frozenset({ControlPlanePart.ENVIRONMENTS, ControlPlanePart.EXEC})
"""Parts that are roles of environments."""

SESSION_ACTIONS = tuple(
    f"ssmmessages:{action}"
    for action in (
        "CreateControlChannel",
        "CreateDataChannel",
        "OpenControlChannel",
        "OpenDataChannel",
    )
)
"""Actions with which the agent of ECS Exec connects its container."""
_WRITE = ("dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:DeleteItem")
_OBJECTS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
_CHANGE = ("route53:ChangeResourceRecordSets",)
_PASS = ("iam:PassRole",)
_READ_SECRET = ("secretsmanager:GetSecretValue",)
_TAG_SERVICES = tuple(
    f"servicediscovery:{action}"
    for action in ("ListTagsForResource", "TagResource", "UntagResource")
)


def expected_permissions(part: ControlPlanePart, arns: ResourceArns) -> tuple[Permission, ...]:
    """All permissions to simulate for a part, by the table above."""
    allowed, denied = _TABLE[part](arns)
    denied = [*denied, (_READ_SECRET, arns.ca_key)]
    if part is not ControlPlanePart.ENVIRONMENTS:
        denied = [*denied, (_READ_SECRET, arns.secret)]
    return (
        *(Permission(actions, resource, allowed=True) for actions, resource in allowed),
        *(Permission(actions, resource, allowed=False) for actions, resource in denied),
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
        indexes=tuple(f"{table}/index/{index}" for index in (WORK_INDEX, LIFE_INDEX)),
        states=f"{bucket}/{state_key('example')}",
        default_state=f"{bucket}/{STATE_KEY}",
        bucket=bucket,
        namespace=f"{here % 'servicediscovery'}:namespace/{platform.namespace_id}",
        service=f"{here % 'servicediscovery'}:service/srv-example",
        zone=f"arn:{partition}:route53:::hostedzone/{expected.zone_id}",
        parameter=f"{here % 'ssm'}:parameter/{expected.platform.lstrip('/')}",
        registries=tuple(f"{registry}/{repository}" for repository in repositories),
        log_group=f"{here % 'logs'}:log-group:{log_group('example')}",
        logs=f"{here % 'logs'}:log-group:{log_group('example')}:log-stream:example",
        worker_logs=tuple(
            f"{here % 'logs'}:log-group:{WORKER_LOG_GROUPS}{worker}:*"
            for worker in (ControlPlanePart.SOW, ControlPlanePart.REAP)
        ),
        task=f"{here % 'ecs'}:task/example/0a1b",
        execution_role=platform.execution_role_arn,
        exec_role=platform.exec_role_arn,
        ca_key=f"{here % 'secretsmanager'}:secret:gromit/ca-key-000000",
        secret=f"{here % 'secretsmanager'}:secret:{PREFIX}example-000000",
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
    """Name of a part's role unless `doctor.roles` sets another."""
    return f"gromit-{part}"


def judge_permissions(
    roles: Mapping[ControlPlanePart, SimulatedRole], arns: ResourceArns
) -> list[Finding]:
    """One finding for each part.

    If none of the control plane's roles exists, it is not installed in this account, and nothing is
    wrong.
    """
    installed = any(
        role.allowed is not None for part, role in roles.items() if part not in OF_ENVIRONMENTS
    )
    return [_judge(part, role, arns, installed=installed) for part, role in roles.items()]


def _judge(
    part: ControlPlanePart, role: SimulatedRole, arns: ResourceArns, *, installed: bool
) -> Finding:
    if role.allowed is None:
        return _judge_missing(part, role, installed=installed)
    permissions = expected_permissions(part, arns)
    missing = _deviations(role.allowed, permissions, allowed=True)
    surplus = _deviations(role.allowed, permissions, allowed=False)
    if not missing and not surplus:
        count = len(role.allowed)
        return ok(Check.RIGHTS, f"{role.role}: all {count} simulated actions as expected", part)
    faults = []
    if missing:
        faults.append(f"lacks {', '.join(missing)}")
    if surplus:
        faults.append(f"must not have {', '.join(surplus)}")
    remedy = "apply terraform/infra, which sets the policies"
    return wrong(Check.RIGHTS, f"{role.role} {'; '.join(faults)}", remedy, part)


def _judge_missing(part: ControlPlanePart, role: SimulatedRole, *, installed: bool) -> Finding:
    observed = f"there is no role {role.role}"
    if installed or role.named:
        remedy = "apply terraform/infra, or set the role in doctor.roles"
        return wrong(Check.RIGHTS, observed, remedy, part)
    reason = f"{observed}, nor a role of another part; set their names in doctor.roles"
    return skipped(Check.RIGHTS, reason, part)


def _deviations(
    simulated: Mapping[tuple[str, str], bool], permissions: Iterable[Permission], *, allowed: bool
) -> list[str]:
    """Actions that AWS judges otherwise than expected; one without a result counts as denied."""
    actions = [
        (action, permission.resource)
        for permission in permissions
        if permission.allowed is allowed
        for action in permission.actions
    ]
    return [
        f"{action} on {resource}"
        for action, resource in actions
        if simulated.get((action, resource), False) is not allowed
    ]


_Pairs = list[tuple[tuple[str, ...], str]]
"""Actions, each with its resource."""


def _serve(arns: ResourceArns) -> tuple[_Pairs, _Pairs]:
    use = (
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "dynamodb:Scan",
    )
    allowed: _Pairs = [(use, arns.table)]
    allowed += [(("dynamodb:Query",), index) for index in arns.indexes]
    allowed += [(("ecr:BatchGetImage", "ecr:DescribeImages"), r) for r in arns.registries]
    allowed += [
        (("logs:DescribeLogStreams", "logs:FilterLogEvents"), arns.log_group),
        (("logs:GetLogEvents",), arns.logs),
        *((("logs:FilterLogEvents",), group) for group in arns.worker_logs),
        (("ecs:ListTasks",), "*"),
        (("ecs:DescribeTasks",), arns.task),
    ]
    return allowed, [(_OBJECTS, arns.states), (_CHANGE, arns.zone), (_PASS, arns.execution_role)]


def _sow(arns: ResourceArns) -> tuple[_Pairs, _Pairs]:
    allowed = [
        *_terraform(arns),
        (("ssm:GetParameter",), arns.parameter),
        (_PASS, arns.execution_role),
        (("secretsmanager:DescribeSecret",), arns.secret),
        *_records(arns),
    ]
    allowed += [(("ecr:BatchGetImage", "ecr:PutImage"), r) for r in arns.registries]
    allowed += [(_PASS, arns.exec_role)] if arns.exec_role else []
    return allowed, [(_WRITE, arns.table), (_PASS, arns.serve_role)]


def _reap(arns: ResourceArns) -> tuple[_Pairs, _Pairs]:
    allowed = [*_terraform(arns), (("ssm:GetParameter",), arns.parameter)]
    allowed += [(("ecr:BatchDeleteImage",), r) for r in arns.registries]
    return allowed, [(_WRITE, arns.table), (_PASS, arns.serve_role)]


def _terraform(arns: ResourceArns) -> _Pairs:
    create: _Pairs = [
        (("servicediscovery:CreateService",), arn) for arn in (arns.namespace, arns.service)
    ]
    return [
        (_OBJECTS, arns.states),
        (("s3:GetObject",), arns.default_state),
        (("s3:ListBucket",), arns.bucket),
        (_TAG_SERVICES, "*"),
        *create,
    ]


def _records(arns: ResourceArns) -> _Pairs:
    return [
        (("route53:ListResourceRecordSets", *_CHANGE), arns.zone),
        (("ec2:DescribeNetworkInterfaces",), "*"),
    ]


def _chitragupta(arns: ResourceArns) -> tuple[_Pairs, _Pairs]:
    return _records(arns), [
        (_WRITE, arns.table),
        (_OBJECTS, arns.states),
        (_PASS, arns.execution_role),
    ]


def _gateway(arns: ResourceArns) -> tuple[_Pairs, _Pairs]:
    return [], [(_WRITE, arns.table), (_OBJECTS, arns.states), (_CHANGE, arns.zone)]


def _environments(arns: ResourceArns) -> tuple[_Pairs, _Pairs]:
    allowed: _Pairs = [
        (("ecr:GetAuthorizationToken",), "*"),
        (("logs:CreateLogStream", "logs:PutLogEvents"), arns.logs),
        (_READ_SECRET, arns.secret),
    ]
    allowed += [(("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), r) for r in arns.registries]
    return allowed, [
        (("dynamodb:GetItem", *_WRITE), arns.table),
        (_OBJECTS, arns.states),
        (_CHANGE, arns.zone),
    ]


def _exec(arns: ResourceArns) -> tuple[_Pairs, _Pairs]:
    return [(SESSION_ACTIONS, "*")], [
        (("dynamodb:GetItem", *_WRITE), arns.table),
        (_OBJECTS, arns.states),
        (_CHANGE, arns.zone),
        (("logs:CreateLogStream", "logs:PutLogEvents"), arns.logs),
        (_PASS, arns.execution_role),
    ]


_TABLE = {
    ControlPlanePart.SERVE: _serve,
    ControlPlanePart.SOW: _sow,
    ControlPlanePart.REAP: _reap,
    ControlPlanePart.CHITRAGUPTA: _chitragupta,
    ControlPlanePart.GATEWAY: _gateway,
    ControlPlanePart.ENVIRONMENTS: _environments,
    ControlPlanePart.EXEC: _exec,
}
