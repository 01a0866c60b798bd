# Limit of all roles of the control plane and of environments, whatever their own policies say: a policy that someone adds later, or a
# part that is broken into, cannot do more. It grants nothing itself. Only what a role's own policy and this one both allow is possible.
data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_107:a limit grants nothing
  # checkov:skip=CKV_AWS_108:a limit grants nothing
  # checkov:skip=CKV_AWS_109:a limit grants nothing
  # checkov:skip=CKV_AWS_110:a limit grants nothing
  # checkov:skip=CKV_AWS_111:a limit grants nothing
  # checkov:skip=CKV_AWS_356:a limit grants nothing

  # No change of users, roles, policies or networks, no machine, no deletion of a table or bucket, and nothing of another account.
  statement {
    sid       = "AtMost"
    resources = ["*"] # each role's own policy names its resources

    actions = [
      "cloudwatch:*Metric*",
      "dynamodb:*Item",
      "dynamodb:Describe*",
      "dynamodb:Query",
      "dynamodb:Scan",
      "ec2:*SecurityGroup*",
      "ec2:*Tags",
      "ec2:Describe*",
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchDeleteImage",
      "ecr:BatchGet*",
      "ecr:Describe*",
      "ecr:Get*",
      "ecr:List*",
      "ecr:PutImage",
      "ecs:*Cluster*",
      "ecs:*Service*",
      "ecs:*Tag*",
      "ecs:*Task*",
      "elasticfilesystem:*AccessPoint*",
      "elasticfilesystem:*Tag*",
      "elasticfilesystem:Client*",
      "elasticfilesystem:Describe*",
      "iam:GetRole",
      "iam:PassRole",
      "iam:SimulatePrincipalPolicy",
      "kms:Decrypt",
      "kms:GenerateDataKey*",
      "logs:*Log*",
      "logs:*Tag*",
      "logs:PutRetentionPolicy",
      "route53:ChangeResourceRecordSets",
      "route53:Get*",
      "route53:List*",
      "s3:*Object*",
      "s3:GetBucket*",
      "s3:GetEncryptionConfiguration",
      "s3:ListBucket*",
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      "servicediscovery:*Instance*",
      "servicediscovery:*Service*",
      "servicediscovery:*Tag*",
      "servicediscovery:Get*",
      "servicediscovery:List*",
      "servicequotas:Get*",
      "servicequotas:List*",
      "ssm:GetParameter*",
      "ssm:UpdateInstanceInformation",
      "ssmmessages:*Channel",
    ]

    # Some actions have no resource, and requests of them no such key.
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceAccount"
      values   = [local.limits.account_id]
    }
  }

  # The control plane's cluster has no tag `env`, and is excluded by name as well.
  statement {
    sid       = "NotOurs"
    effect    = "Deny"
    actions   = ["ecs:CreateService", "ecs:DeleteCluster", "ecs:DeleteService", "ecs:StopTask", "ecs:UpdateService"]
    resources = [local.limits.cluster_arn, "arn:aws:ecs:${local.limits.region}:${local.limits.account_id}:*/${local.limits.cluster_name}/*"] # its services and tasks
  }

  # Services run task definitions of environments only, `<environment>--<component>`: no part of the control plane has `--` in its name.
  # A request that keeps the definition of a service has no such key.
  statement {
    sid       = "NotOurDefinitions"
    effect    = "Deny"
    actions   = ["ecs:CreateService", "ecs:UpdateService"]
    resources = ["arn:aws:ecs:${local.limits.region}:${local.limits.account_id}:service/*"] # of every cluster

    condition {
      test     = "Null"
      variable = "ecs:task-definition"
      values   = ["false"]
    }

    condition {
      test     = "ArnNotLike"
      variable = "ecs:task-definition"
      values   = ["arn:aws:ecs:${local.limits.region}:${local.limits.account_id}:task-definition/*--*"]
    }
  }

  # ECS Exec opens a shell in a container. Only services of components may allow that whose catalogue asks for it, and no task of a hook.
  # The control plane's cluster is excluded above.
  statement {
    sid     = "NoShell"
    effect  = "Deny"
    actions = ["ecs:CreateService", "ecs:RunTask", "ecs:UpdateService"]

    # The first entry matches nothing: the list must not be empty.
    not_resources = [
      for name in concat(["-"], local.limits.exec_components) :
      "arn:aws:ecs:${local.limits.region}:${local.limits.account_id}:service/*/${name}"
    ]

    condition {
      test     = "Bool"
      variable = "ecs:enable-execute-command"
      values   = ["true"]
    }
  }
}

resource "aws_iam_policy" "boundary" {
  name        = "gromit-boundary"
  description = "limit of all roles of gromit"
  policy      = data.aws_iam_policy_document.boundary.json
  tags        = local.limits.tags

  lifecycle {
    precondition {
      condition     = length(replace(data.aws_iam_policy_document.boundary.json, "/\\s/", "")) <= 6144
      error_message = "The boundary is longer than the 6144 characters that IAM allows a policy."
    }
  }
}
