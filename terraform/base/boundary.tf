# The limit of the roles that push images: whatever policy someone adds to one of them later, it can do nothing but log in to the
# registries of this account, push and pull. What it may push to is in its own policy.
data "aws_iam_policy_document" "push_boundary" {
  statement {
    sid       = "LogIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action supports no resources; the token gives no more than its caller's permissions
  }

  statement {
    sid = "PushAndPull"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = ["arn:aws:ecr:${var.region}:${var.account_id}:repository/*"]
  }
}

resource "aws_iam_policy" "push_boundary" {
  name        = "gromit-push-boundary"
  description = "limit of all roles that push images"
  policy      = data.aws_iam_policy_document.push_boundary.json
  tags        = local.tags
}
