# The preferred way: a workflow presents GitHub's token for its repository and ref, and gets credentials for one hour.
resource "aws_iam_role" "push" {
  name                 = local.full_name
  description          = "Workflows of ${var.repository}: push to its registry"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.boundary
  max_session_duration = 3600
  tags                 = var.tags
}

# GitHub has two spellings of its newer subjects, which hold ids that survive a rename. Their `*` for the repository's id matches more than
# an id, so that only the conditions on the repository and its owner's id make them safe.
locals {
  plain_subjects = [for ref in var.github.refs : "repo:${var.github.organization}/${var.repository}:ref:${ref}"]

  id_subjects = flatten([
    for ref in var.github.refs : [
      for mark in ["-", "@"] :
      "repo:${var.github.organization}${mark}${var.github.organization_id}/${var.repository}${mark}*:ref:${ref}"
    ]
    if var.github.organization_id != null
  ])

  owned = {
    repository          = "${var.github.organization}/${var.repository}"
    repository_owner_id = var.github.organization_id
  }
}

data "aws_iam_policy_document" "trust" {
  # checkov:skip=CKV_AWS_358:the subjects name one organisation and refs of branches or tags; with ids, the repository has a condition of its own
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
      values   = concat(local.plain_subjects, local.id_subjects)
    }

    dynamic "condition" {
      for_each = var.github.organization_id == null ? {} : local.owned

      content {
        test     = "StringEquals"
        variable = "token.actions.githubusercontent.com:${condition.key}"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role_policy" "push" {
  name   = "push"
  role   = aws_iam_role.push.id
  policy = data.aws_iam_policy_document.push.json
}
