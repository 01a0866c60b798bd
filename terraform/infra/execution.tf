data "aws_iam_policy_document" "execution_trust" {
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
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

# Permissions of ECS before the containers of an environment run. The containers themselves have no role, unless their catalogue says
# `exec: true`: see exec.tf.
data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action supports no resources
  }

  statement {
    sid       = "Images"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = values(local.base.registries)
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:${var.region}:${var.account_id}:log-group:/gromit/*:log-stream:*"]
  }

  # Only secrets of environments: no secret of the control plane begins like this.
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for name in local.secret_names : "arn:aws:secretsmanager:${var.region}:${var.account_id}:secret:${name}"]
  }
}

resource "aws_iam_role" "execution" {
  name                 = "gromit-devenv-execution"
  description          = "pulls images, writes logs and reads secrets for environments"
  assume_role_policy   = data.aws_iam_policy_document.execution_trust.json
  permissions_boundary = aws_iam_policy.boundary.arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json

  lifecycle {
    precondition {
      condition     = length(replace(data.aws_iam_policy_document.execution.json, "/\\s/", "")) <= 10240
      error_message = "The policy of the environments' role is longer than the 10240 characters that IAM allows: the catalogue has too many repositories."
    }
  }
}
