# Two roles: `task` holds the program's permissions, `execution` those of ECS before the program runs. Parts share no role, so a
# permission of one part is never that of another.

locals {
  # IAM's limits, without white space: for all inline policies of a role together, of which each role here has one, and for a managed
  # policy.
  policy_limit         = 10240
  managed_policy_limit = 6144
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    # Only for tasks of this account, whatever account makes ECS ask.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.place.account_id]
    }
  }
}

data "aws_iam_policy_document" "task" {
  source_policy_documents = var.policies

  dynamic "statement" {
    for_each = local.volumes

    content {
      sid       = "Mount${title(statement.key)}"
      resources = ["arn:aws:elasticfilesystem:${local.arn}:file-system/${statement.value.file_system_id}"]

      actions = concat(
        ["elasticfilesystem:ClientMount"],
        statement.value.writable ? ["elasticfilesystem:ClientWrite"] : [],
      )

      condition {
        test     = "StringEquals"
        variable = "elasticfilesystem:AccessPointArn"
        values   = ["arn:aws:elasticfilesystem:${local.arn}:access-point/${statement.value.access_point_id}"]
      }
    }
  }
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:${local.arn}:log-group:${local.log_group}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = length(var.repositories) > 0 ? [var.repositories] : []

    content {
      sid       = "Login"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"] # this action supports no resources
    }
  }

  dynamic "statement" {
    for_each = length(var.repositories) > 0 ? [var.repositories] : []

    content {
      sid       = "Images"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.secrets) > 0 ? [values(var.secrets)] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }
}

resource "aws_iam_role" "task" {
  name                 = local.name
  description          = "what gromit ${var.name} may do"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.place.boundary
  tags                 = var.place.tags
}

resource "aws_iam_role" "execution" {
  name                 = "${local.name}-execution"
  description          = "what ECS does for gromit ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.place.boundary
  tags                 = var.place.tags
}

resource "aws_iam_role_policy" "task" {
  name   = "task"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json

  lifecycle {
    precondition {
      condition     = length(replace(data.aws_iam_policy_document.task.json, "/\\s/", "")) <= local.policy_limit
      error_message = "The policy of ${local.name} is longer than the ${local.policy_limit} characters that IAM allows a role: it names too many resources, such as the registries of a long catalogue."
    }
  }
}

resource "aws_iam_policy" "task" {
  for_each = var.managed_policies

  name        = "${local.name}-${each.key}"
  description = "what gromit ${var.name} may do besides"
  policy      = each.value
  tags        = var.place.tags

  lifecycle {
    precondition {
      condition     = length(replace(each.value, "/\\s/", "")) <= local.managed_policy_limit
      error_message = "The policy ${local.name}-${each.key} is longer than the ${local.managed_policy_limit} characters that IAM allows a managed policy."
    }
  }
}

resource "aws_iam_role_policy_attachment" "task" {
  for_each = aws_iam_policy.task

  role       = aws_iam_role.task.name
  policy_arn = each.value.arn
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json

  lifecycle {
    precondition {
      condition     = length(replace(data.aws_iam_policy_document.execution.json, "/\\s/", "")) <= local.policy_limit
      error_message = "The policy of ECS for ${local.name} is longer than the ${local.policy_limit} characters that IAM allows a role: it names too many resources."
    }
  }
}
