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
