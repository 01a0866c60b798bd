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

  # Both in one pattern: the policy of sow has little room.
  environment_secrets = ["arn:aws:secretsmanager:${local.here}:secret:gromit?env*/*"]
}

data "aws_iam_policy_document" "sow" {
  source_policy_documents = [data.aws_iam_policy_document.terraform.json, data.aws_iam_policy_document.hooks["on-create"].json]

  # Whether images exist, another tag for those that environments use, and whether secrets of environments have a value. No part may
  # read a secret. One statement for all: there is little room in this policy. PutImage cannot add an image, because that takes the
  # upload of its layers.
  statement {
    sid       = "Images"
    actions   = ["ecr:BatchGetImage", "ecr:PutImage", "secretsmanager:DescribeSecret"]
    resources = concat(values(local.platform.registries), local.environment_secrets)
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

# The network of the stack: security groups, volumes and names.
data "aws_iam_policy_document" "network" {
  statement {
    sid       = "GroupsIn"
    actions   = ["ec2:CreateSecurityGroup"]
    resources = ["arn:aws:ec2:${local.here}:vpc/${local.platform.vpc_id}"]
  }

  statement {
    sid       = "GroupsBorn"
    actions   = ["ec2:CreateSecurityGroup"]
    resources = ["arn:aws:ec2:${local.here}:security-group/*"] # a new group has no id yet

    condition {
      test     = local.sets_env.test
      variable = local.sets_env.variable
      values   = local.sets_env.values
    }
  }

  statement {
    sid       = "GroupsTagged"
    actions   = ["ec2:CreateTags"]
    resources = ["arn:aws:ec2:${local.here}:security-group/*"] # as above: only while the group is created

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateSecurityGroup"]
    }
  }

  statement {
    sid       = "Groups"
    resources = ["arn:aws:ec2:${local.here}:security-group/*"] # those of environments, by their tag

    actions = [
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:CreateTags",
      "ec2:DeleteSecurityGroup",
      "ec2:DeleteTags",
      "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
    ]

    condition {
      test     = local.has_env.test
      variable = local.has_env.variable
      values   = local.has_env.values
    }
  }

  statement {
    sid       = "FoldersLook"
    actions   = ["elasticfilesystem:DescribeAccessPoints"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:file-system/*", "arn:aws:elasticfilesystem:${local.here}:access-point/*"] # to read
  }

  statement {
    sid       = "FoldersBorn"
    actions   = ["elasticfilesystem:CreateAccessPoint"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:file-system/${local.platform.config_file_system_id}"]

    condition {
      test     = local.sets_env.test
      variable = local.sets_env.variable
      values   = local.sets_env.values
    }
  }

  statement {
    sid       = "FoldersTagged"
    actions   = ["elasticfilesystem:TagResource"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:access-point/*"] # only while the access point is created

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:CreateAction"
      values   = ["CreateAccessPoint"]
    }
  }

  statement {
    sid       = "Folders"
    actions   = ["elasticfilesystem:DeleteAccessPoint", "elasticfilesystem:TagResource", "elasticfilesystem:UntagResource"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:access-point/*"] # those of environments, by their tag

    condition {
      test     = local.has_env.test
      variable = local.has_env.variable
      values   = local.has_env.values
    }
  }

  # AWS checks both: the namespace of the new service, and the service, which has no id yet.
  statement {
    sid     = "NamesBorn"
    actions = ["servicediscovery:CreateService"]

    resources = [
      "arn:aws:servicediscovery:${local.here}:namespace/${local.platform.namespace_id}",
      "arn:aws:servicediscovery:${local.here}:service/*", # in that namespace
    ]

    condition {
      test     = local.sets_env.test
      variable = local.sets_env.variable
      values   = local.sets_env.values
    }
  }
}
