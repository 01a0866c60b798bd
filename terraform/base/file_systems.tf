# The config tree of all environments.
resource "aws_efs_file_system" "config" {
  # checkov:skip=CKV2_AWS_18:terraform/backup, another root, chooses what is copied by the tag
  # checkov:skip=CKV_AWS_184:encrypted with AWS's own key: one of ours would cost by the month and keep out nobody else
  creation_token = "gromit-config"
  encrypted      = true
  tags           = merge(local.tags, { Name = "gromit-config", backup = "efs" }) # terraform/backup goes by the tag

  lifecycle {
    prevent_destroy = true
  }
}

# For those who write there: the bastion, sow and reap. They act as root, as the root folder of a new volume is root's and nobody
# else could write the first file; environments read their own folders through access points of their own, as nobody.
resource "aws_efs_access_point" "config" {
  # checkov:skip=CKV_AWS_329:the config root is the root of the volume: environments have their folders right below it
  file_system_id = aws_efs_file_system.config.id
  tags           = merge(local.tags, { Name = "gromit-config" })

  posix_user {
    uid = 0
    gid = 0
  }

  root_directory {
    path = "/"
  }
}

resource "aws_efs_file_system_policy" "config" {
  file_system_id = aws_efs_file_system.config.id
  policy         = data.aws_iam_policy_document.config.json
}

data "aws_iam_policy_document" "config" {
  # Containers of environments have no role, so that whoever can reach the volume, over TLS, may read it, by mount targets alone.
  statement {
    sid       = "ReadableByAll"
    actions   = ["elasticfilesystem:ClientMount"]
    resources = [aws_efs_file_system.config.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"] # everybody in the VPC: nobody else reaches a mount target
    }

    condition {
      test     = "Bool"
      variable = "elasticfilesystem:AccessedViaMountTarget"
      values   = ["true"]
    }
  }

  # To write, a role needs the right from its own policies; by the access point it then writes as root. Without the right to write,
  # being root gives nothing that is not readable anyway.
  statement {
    sid       = "RootByAccessPoint"
    actions   = ["elasticfilesystem:ClientRootAccess"]
    resources = [aws_efs_file_system.config.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"] # everybody in the VPC, as above
    }

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.config.arn]
    }

    condition {
      test     = "Bool"
      variable = "elasticfilesystem:AccessedViaMountTarget"
      values   = ["true"]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = local.client_actions
    resources = [aws_efs_file_system.config.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"] # a refusal: for everybody
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

locals {
  client_actions = [
    "elasticfilesystem:ClientMount",
    "elasticfilesystem:ClientWrite",
    "elasticfilesystem:ClientRootAccess",
  ]
}
