# What terraform does for the stack of one environment (src/gromit/stacks/devenv), and what sow and reap ask besides. What can be told
# apart is: new things must be born with the tag `env`, and only what bears it may be changed. Nothing of base or infra bears it.
locals {
  here = "${local.ground.region}:${local.ground.account_id}"

  # Conditions that several statements share: the tag `env` is given, or is there.
  born = { test = "Null", variable = "aws:RequestTag/env", values = ["false"] }
  ours = { test = "Null", variable = "aws:ResourceTag/env", values = ["false"] }

  # The key in the stack's backend block. A workspace's state is `env:/<environment>/devenv`; `devenv` alone is that of the workspace
  # `default`, which never has one, but which `terraform init` looks for.
  state_key = "devenv"
}

data "aws_iam_policy_document" "sow" {
  source_policy_documents = [data.aws_iam_policy_document.terraform.json]

  statement {
    sid       = "Images"
    actions   = ["ecr:BatchGetImage"]
    resources = values(local.ground.registries)
  }
}

# What terraform needs, in sow and in reap.
data "aws_iam_policy_document" "terraform" {
  source_policy_documents = [data.aws_iam_policy_document.stack.json]

  # Of all the states in the bucket only those of environments.
  statement {
    sid       = "States"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["arn:aws:s3:::${local.ground.state_bucket}/env:/*"]
  }

  # To see that there is none. Who may not list the name of what is missing is told "forbidden" and not "missing", and terraform ends.
  statement {
    sid       = "NoState"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::${local.ground.state_bucket}/${local.state_key}"]
  }

  statement {
    sid       = "StateNames"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::${local.ground.state_bucket}"]

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

  # The environments' role and no other, and to ECS alone.
  statement {
    sid       = "Role"
    actions   = ["iam:PassRole"]
    resources = [local.ground.execution_role_arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# The stack's network: security groups, volumes, names.
data "aws_iam_policy_document" "network" {
  statement {
    sid       = "NetworkLook"
    actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"]
    resources = ["*"] # these actions know no resources
  }

  statement {
    sid       = "GroupsIn"
    actions   = ["ec2:CreateSecurityGroup"]
    resources = ["arn:aws:ec2:${local.here}:vpc/${local.ground.vpc_id}"]
  }

  statement {
    sid       = "GroupsBorn"
    actions   = ["ec2:CreateSecurityGroup"]
    resources = ["arn:aws:ec2:${local.here}:security-group/*"] # one that is not there yet has no id

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }

  statement {
    sid       = "GroupsTagged"
    actions   = ["ec2:CreateTags"]
    resources = ["arn:aws:ec2:${local.here}:security-group/*"] # as above: only while it is made

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
      test     = local.ours.test
      variable = local.ours.variable
      values   = local.ours.values
    }
  }

  statement {
    sid       = "FoldersLook"
    actions   = ["elasticfilesystem:DescribeAccessPoints"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:file-system/*", "arn:aws:elasticfilesystem:${local.here}:access-point/*"] # to look
  }

  statement {
    sid       = "FoldersBorn"
    actions   = ["elasticfilesystem:CreateAccessPoint"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:file-system/${local.ground.config_file_system_id}"]

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }

  statement {
    sid       = "FoldersTagged"
    actions   = ["elasticfilesystem:TagResource"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:access-point/*"] # only while it is made

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
      test     = local.ours.test
      variable = local.ours.variable
      values   = local.ours.values
    }
  }

  # AWS asks about both: where the name is made, and what is made, which has no id yet.
  statement {
    sid     = "NamesBorn"
    actions = ["servicediscovery:CreateService"]

    resources = [
      "arn:aws:servicediscovery:${local.here}:namespace/${local.ground.namespace_id}",
      "arn:aws:servicediscovery:${local.here}:service/*", # in that namespace
    ]

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }
}
