# The preferred way: a workflow presents GitHub's token for its repository and ref, and gets credentials for one hour.
resource "aws_iam_role" "push" {
  name                 = local.full_name
  description          = "Workflows of ${var.repository}: push to its registry"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
  tags                 = var.tags
}

data "aws_iam_policy_document" "trust" {
  # checkov:skip=CKV_AWS_358:the subjects are an input, validated to name one repository and refs of branches or tags
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

    # The organisation and the repository are literal. Only the ref may be a pattern, because the branches of environments are not known
    # in advance. It covers branches and tags only: a pull request, which may come from a fork, has another subject.
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
