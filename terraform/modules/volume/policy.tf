locals {
  client_actions = [
    "elasticfilesystem:ClientMount",
    "elasticfilesystem:ClientWrite",
    "elasticfilesystem:ClientRootAccess",
  ]

  points = concat([aws_efs_access_point.whole.arn], [for point in aws_efs_access_point.folder : point.arn])

  # What a statement is about, in a list for `dynamic`: the volume, or nothing.
  open   = [for arn in [aws_efs_file_system.this.arn] : arn if var.readable_by_all]
  closed = [for arn in [aws_efs_file_system.this.arn] : arn if !var.readable_by_all]
}

resource "aws_efs_file_system_policy" "this" {
  file_system_id = aws_efs_file_system.this.id
  policy         = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  # Containers of environments have no role. So every client that reaches a mount target may read, over TLS.
  dynamic "statement" {
    for_each = local.open

    content {
      sid       = "ReadableByAll"
      actions   = ["elasticfilesystem:ClientMount"]
      resources = [statement.value]

      principals {
        type        = "AWS"
        identifiers = ["*"] # everybody in the VPC: only clients there reach a mount target
      }

      condition {
        test     = "Bool"
        variable = "elasticfilesystem:AccessedViaMountTarget"
        values   = ["true"]
      }
    }
  }

  # A role needs a permission of its own to write. Through the access point it then writes as root. Without that permission, root can
  # read nothing that is not readable anyway.
  dynamic "statement" {
    for_each = local.open

    content {
      sid       = "RootByAccessPoint"
      actions   = ["elasticfilesystem:ClientRootAccess"]
      resources = [statement.value]

      principals {
        type        = "AWS"
        identifiers = ["*"] # everybody in the VPC, as above
      }

      condition {
        test     = "StringEquals"
        variable = "elasticfilesystem:AccessPointArn"
        values   = local.points
      }

      condition {
        test     = "Bool"
        variable = "elasticfilesystem:AccessedViaMountTarget"
        values   = ["true"]
      }
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = local.client_actions
    resources = [aws_efs_file_system.this.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"] # a denial applies to everybody
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # Nothing is allowed here: only roles with a permission of their own get in, each through its access point.
  dynamic "statement" {
    for_each = local.closed

    content {
      sid       = "ByAccessPointOnly"
      effect    = "Deny"
      actions   = local.client_actions
      resources = [statement.value]

      principals {
        type        = "AWS"
        identifiers = ["*"] # a denial applies to everybody
      }

      condition {
        test     = "StringNotEquals"
        variable = "elasticfilesystem:AccessPointArn"
        values   = local.points
      }
    }
  }
}
