data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    # Only for rules of this account, whatever account makes EventBridge ask.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.place.account_id]
    }
  }
}

# Run this task definition in this cluster, and pass its two roles to it.
data "aws_iam_policy_document" "this" {
  statement {
    sid       = "Run"
    actions   = ["ecs:RunTask"]
    resources = [var.part.task_definition]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [var.place.cluster]
    }
  }

  statement {
    sid       = "Roles"
    actions   = ["iam:PassRole"]
    resources = [var.part.task_role_arn, var.part.execution_role_arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = "${local.name}-schedule"
  description          = "starts gromit ${var.part.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.place.boundary
  tags                 = var.place.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "schedule"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}
