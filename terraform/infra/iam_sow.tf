# Permissions of terraform for the stack of one environment (src/gromit/stacks/devenv), and those of sow and reap but for records. Where AWS can distinguish
# resources apart, they must be created with the tag `env`, and only resources with it may be changed. base and infra never use it.
locals {
  here = "${local.platform.region}:${local.platform.account_id}"

  # Conditions that several statements share: the request sets the tag `env`, or the resource has it.
  sets_env = { test = "Null", variable = "aws:RequestTag/env", values = ["false"] }
  has_env  = { test = "Null", variable = "aws:ResourceTag/env", values = ["false"] }

  # Key of the stack's backend block. The state of a workspace is `env:/<environment>/devenv`. `devenv` is the state of the workspace
  # `default`: it never exists, but `terraform init` asks for it.
  state_key = "devenv"

  # Named secrets of the catalogue, and secrets that a catalogue names by their ARN. The control plane has none with such a name.
  secret_names = ["gromit/environments/*", "gromit-env/*"]

  environment_secrets = [for name in local.secret_names : "arn:aws:secretsmanager:${local.here}:secret:${name}"]
}

data "aws_iam_policy_document" "sow" {
  source_policy_documents = [data.aws_iam_policy_document.terraform.json, data.aws_iam_policy_document.hooks["on-create"].json]

  # For components in which people may run programs, also this role, and only to ECS.
  statement {
    sid       = "ExecRole"
    actions   = ["iam:PassRole"]
    resources = [local.platform.exec_role_arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# What sow uses for an environment: whether images exist, another tag for those that environments use, and whether secrets have a value.
# A policy of its own: it grows with the registries, and the one above has all permissions of terraform.
data "aws_iam_policy_document" "sources" {
  # PutImage cannot add an image, because that takes the upload of its layers.
  statement {
    sid       = "Images"
    actions   = ["ecr:BatchGetImage", "ecr:PutImage"]
    resources = values(local.platform.registries)
  }

  # No part may read a secret.
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:DescribeSecret"]
    resources = local.environment_secrets
  }
}

data "aws_iam_policy_document" "reap" {
  source_policy_documents = [data.aws_iam_policy_document.terraform.json, data.aws_iam_policy_document.hooks["on-reap"].json]

  # The tags with which sow has kept images. IAM has no condition for the tag of an image, and this policy no room for 40 names, so the
  # registries of components have a tag.
  statement {
    sid       = "Images"
    actions   = ["ecr:BatchDeleteImage"]
    resources = ["arn:aws:ecr:${local.here}:repository/*"] # those of components, by their tag

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/images"
      values   = ["environments"]
    }
  }
}

# Permissions of terraform, and of the look at what exists, in sow and in reap.
data "aws_iam_policy_document" "terraform" {
  source_policy_documents = [data.aws_iam_policy_document.stack.json]

  # Only the states of environments in this bucket.
  statement {
    sid       = "States"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["arn:aws:s3:::${local.platform.state_bucket}/env:/*"]
  }

  # Without permission to list, S3 answers "forbidden" instead of "missing" for an object that does not exist, and terraform fails.
  statement {
    sid       = "NoState"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::${local.platform.state_bucket}/${local.state_key}"]
  }

  statement {
    sid       = "StateNames"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::${local.platform.state_bucket}"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["env:/*", local.state_key]
    }
  }

  statement {
    sid       = "Platform"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:aws:ssm:${local.here}:parameter/gromit/platform"]
  }

  # Only the role of environments, and only to ECS.
  statement {
    sid       = "Role"
    actions   = ["iam:PassRole"]
    resources = [local.platform.execution_role_arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}
