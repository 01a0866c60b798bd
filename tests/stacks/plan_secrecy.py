"""Rules on what a plan leaves unencrypted, and on permissions and secrets that it gives away."""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase

from tests.stacks.plan import Json, Plan, Resource, several, statements

_IAM = ("aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy")
_ATTACHMENTS = (
    "aws_iam_role_policy_attachment",
    "aws_iam_user_policy_attachment",
    "aws_iam_group_policy_attachment",
)
_MACHINES = ("aws_instance", "aws_launch_template")
_BROAD = re.compile(
    r"^arn:aws[a-z-]*:iam::aws:policy/(.*/)?(AdministratorAccess|PowerUserAccess|\w*FullAccess)$"
)
_WHOLE_SERVICE = re.compile(r"^([\w-]+:)?\*$")
_SECRET = re.compile(
    r"aws_iam_access_key\.\w+\.(secret|ses_smtp_password_v4)"
    r"|aws_secretsmanager_secret_version\.\w+\.secret_(string|binary)"
    r"|random_password\.\w+\.(result|bcrypt_hash)"
    r"|tls_private_key\.\w+\.private_key\w*"
    r"|aws_ssm_parameter\.\w+\.value"
)
UNBOUND = (
    "cloudwatch:GetMetric*",
    "cloudwatch:PutMetricData",
    "ec2:Describe*",
    "ecr:GetAuthorizationToken",
    "ecs:CreateCluster",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeTaskDefinition",
    "ecs:ListClusters",
    "ecs:ListServices",
    "ecs:ListTaskDefinitionFamilies",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
    "logs:DescribeLogGroups",
    "route53:ListHostedZones*",
    "servicediscovery:GetOperation",
    "servicediscovery:List*",
    "servicequotas:Get*",
    "servicequotas:List*",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:*Channel",
    "sts:GetCallerIdentity",
)
"""Actions that cannot be limited to a named resource, by AWS's service authorization reference.

AWS knows no resource for them, or none that has a name before it exists.
"""


def everything_is_encrypted(plan: Plan) -> Iterator[str]:
    """Everything that can be encrypted is, with AWS's key or ours."""
    for resource in plan.resources:
        is_encrypted = ENCRYPTED.get(resource.type)
        if is_encrypted and not is_encrypted(resource, plan):
            yield f"{resource.address} is not encrypted"


def topics_can_be_spoken_to(plan: Plan) -> Iterator[str]:
    """CloudWatch may publish to every topic.

    AWS's own key for SNS does not admit CloudWatch, so an alarm would be lost silently.
    """
    for topic in plan.of("aws_sns_topic"):
        if "alias/aws/sns" in str(topic.values.get("kms_master_key_id")):
            yield f"{topic.address} has AWS's own key, which shuts alarms out"


def keys_are_rotated(plan: Plan) -> Iterator[str]:
    """Our keys rotate every year."""
    for key in plan.of("aws_kms_key"):
        if not key.values.get("enable_key_rotation") and key.values.get(
            "customer_master_key_spec"
        ) in {None, "SYMMETRIC_DEFAULT"}:
            yield f"{key.address} is not rotated"


def machines_have_imdsv2(plan: Plan) -> Iterator[str]:
    """Machines require IMDSv2.

    Otherwise, a program that fetches an attacker's URL could fetch the machine's credentials.
    """
    for machine in plan.of(*_MACHINES):
        options = machine.blocks("metadata_options")
        if not any(
            o.get("http_tokens") == "required" or o.get("http_endpoint") == "disabled"
            for o in options
        ):
            yield f"{machine.address} answers IMDSv1"


def logs_expire(plan: Plan) -> Iterator[str]:
    """Every log group has a retention period."""
    for group in plan.of("aws_cloudwatch_log_group"):
        if not group.values.get("retention_in_days"):
            yield f"{group.address} is kept for ever"


def rights_are_narrow(plan: Plan) -> Iterator[str]:
    """No role or user gets a whole service, or an action on `*` that works on less."""
    for resource in plan.of(*_IAM):
        for statement in statements(resource.values.get("policy")):
            yield from (f"{resource.address} {what}" for what in _too_wide(statement))
    for attachment in plan.of(*_ATTACHMENTS):
        if _BROAD.match(str(attachment.values.get("policy_arn"))):
            yield f"{attachment.address} attaches {attachment.values['policy_arn']}"


def outputs_hold_no_secret(plan: Plan) -> Iterator[str]:
    """No output holds a secret: anyone can read outputs, and a root may pass on a module's."""
    yield from (f"output {name} is sensitive" for name in sorted(plan.sensitive_outputs))
    for name, made_from in plan.outputs.items():
        yield from (
            f"output {name} is made from {reference}"
            for reference in sorted(made_from)
            if _SECRET.search(reference)
        )


def _too_wide(statement: Json) -> Iterator[str]:
    if statement["Effect"] != "Allow":
        return
    yield from (
        f"allows by {negative}"
        for negative in ("NotAction", "NotResource")
        if negative in statement
    )
    actions = several(statement.get("Action"))
    yield from (f"allows {action}" for action in actions if _WHOLE_SERVICE.match(action))
    if "*" in several(statement.get("Resource")) and not statement.get("Condition"):
        unbound = [
            action for action in actions if any(fnmatchcase(action, known) for known in UNBOUND)
        ]
        yield from (f"allows {action} on everything" for action in actions if action not in unbound)


def _flag(resource: Resource, _: Plan) -> bool:
    return resource.values.get("encrypted") is True


def _machine(machine: Resource, _: Plan) -> bool:
    own = machine.blocks("root_block_device")
    return bool(own) and all(
        disk.get("encrypted") is True for disk in (*own, *machine.blocks("ebs_block_device"))
    )


def _template(template: Resource, _: Plan) -> bool:
    disks = [
        disk
        for mapping in template.blocks("block_device_mappings")
        for disk in mapping.get("ebs") or []
    ]
    return bool(disks) and all(str(disk.get("encrypted")).lower() == "true" for disk in disks)


def _bucket(bucket: Resource, plan: Plan) -> bool:
    apart = plan.of("aws_s3_bucket_server_side_encryption_configuration")
    return bool(bucket.blocks("server_side_encryption_configuration")) or any(
        rule.refers_to(bucket, "bucket")
        or rule.values.get("bucket", "") == bucket.values.get("bucket")
        for rule in apart
    )


def _table(table: Resource, _: Plan) -> bool:
    return any(block.get("enabled") is True for block in table.blocks("server_side_encryption"))


def _topic(topic: Resource, _: Plan) -> bool:
    return bool(topic.values.get("kms_master_key_id") or topic.references.get("kms_master_key_id"))


def _task(task: Resource, _: Plan) -> bool:
    mounts = [
        mount
        for volume in task.blocks("volume")
        for mount in volume.get("efs_volume_configuration") or []
    ]
    return all(mount.get("transit_encryption") == "ENABLED" for mount in mounts)


ENCRYPTED: Mapping[str, Callable[[Resource, Plan], bool]] = {
    "aws_dynamodb_table": _table,
    "aws_ebs_volume": _flag,
    "aws_ecs_task_definition": _task,
    "aws_efs_file_system": _flag,
    "aws_instance": _machine,
    "aws_launch_template": _template,
    "aws_s3_bucket": _bucket,
    "aws_sns_topic": _topic,
}
BY_ITSELF: Mapping[str, str] = {
    "aws_backup_vault": "with AWS's key for Backup",
    "aws_cloudwatch_log_group": "with a key of CloudWatch's own",
    "aws_ecr_repository": "with AES-256 by default",
    "aws_ecs_cluster": "its key is a second one for sessions of ECS Exec, which TLS encrypts",
    "aws_ecs_service": "its key is for EBS volumes of ECS, which none of our services has",
    "aws_iam_access_key": "its key is a PGP key for the secret in the state",
    "aws_secretsmanager_secret": "with AWS's key for Secrets Manager",
    "aws_ssm_parameter": "only a `SecureString` needs it; ours hold plain ids",
}
"""Types that AWS always encrypts, or that hold nothing to encrypt."""
