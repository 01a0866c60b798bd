# The preferred way: a workflow shows GitHub's token for its own repository and ref, and gets credentials for an hour.
resource "aws_iam_role" "push" {
  name                 = local.full_name
  description          = "Workflows of ${var.repository}: push to its registry"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
  tags                 = var.tags
}

data "aws_iam_policy_document" "trust" {
  # checkov:skip=CKV_AWS_358:the subjects are an input that is validated to name one repository and refs of branches or tags
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.github_provider]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    # Organisation and repository are literal; only the ref may be a pattern, as environments are made of branches that nobody knows
    # beforehand. Refs of branches and tags alone: the subject of a pull request, which may come from a fork, is another one.
    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = var.github_subjects
    }
  }
}

resource "aws_iam_role_policy" "push" {
  name   = "push"
  role   = aws_iam_role.push.id
  policy = data.aws_iam_policy_document.push.json
}
