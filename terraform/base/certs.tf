locals {
  # Sow, reap, chitragupta and the doctor are all `worker` to serve, by one certificate.
  parts = toset(["serve", "gateway", "worker"])
}

# Certificates, private keys and the gateway's file of tokens.
resource "aws_efs_file_system" "certs" {
  # checkov:skip=CKV2_AWS_18:terraform/backup, another root, chooses what is copied by the tag
  # checkov:skip=CKV_AWS_184:encrypted with AWS's own key: one of ours would cost by the month and keep out nobody else
  creation_token = "gromit-certs"
  encrypted      = true
  tags           = merge(local.tags, { Name = "gromit-certs", backup = "efs" }) # terraform/backup goes by the tag

  lifecycle {
    prevent_destroy = true
  }
}

# A folder of the image's user (1000), which nobody else may enter: all of it, for pki and the bastion.
resource "aws_efs_access_point" "certs" {
  file_system_id = aws_efs_file_system.certs.id
  tags           = merge(local.tags, { Name = "gromit-certs" })

  posix_user {
    uid = 1000
    gid = 1000
  }

  root_directory {
    path = "/gromit"

    creation_info {
      owner_uid   = 1000
      owner_gid   = 1000
      permissions = "0700"
    }
  }
}

# What one part is shown of it: the folder with its own keys. pki makes that folder; a mount before is refused, as AWS makes no folder for
# which it is told no owner, and so never one above it that is somebody else's.
resource "aws_efs_access_point" "part" {
  for_each = local.parts

  file_system_id = aws_efs_file_system.certs.id
  tags           = merge(local.tags, { Name = "gromit-certs-${each.key}" })

  posix_user {
    uid = 1000
    gid = 1000
  }

  root_directory {
    path = "/gromit/pki/${each.key}"
  }
}

resource "aws_efs_file_system_policy" "certs" {
  file_system_id = aws_efs_file_system.certs.id
  policy         = data.aws_iam_policy_document.certs.json
}

# Nothing is allowed here: only roles whose own policies let them mount it get in, over TLS, each by its access point.
data "aws_iam_policy_document" "certs" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = local.client_actions
    resources = [aws_efs_file_system.certs.arn]

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

  statement {
    sid       = "ByAccessPointOnly"
    effect    = "Deny"
    actions   = local.client_actions
    resources = [aws_efs_file_system.certs.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"] # a refusal: for everybody
    }

    condition {
      test     = "StringNotEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = concat([aws_efs_access_point.certs.arn], [for part in aws_efs_access_point.part : part.arn])
    }
  }
}
