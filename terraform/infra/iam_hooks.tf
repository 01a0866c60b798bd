# Tasks of hooks: sow starts those of `on_create`, and reap those of `on_reap`. The stack names their task definitions so.
data "aws_iam_policy_document" "hooks" {
  for_each = toset(["on-create", "on-reap"])

  statement {
    sid       = "Hooks"
    actions   = ["ecs:RunTask"]
    resources = ["arn:aws:ecs:${local.here}:task-definition/*--*--${each.key}:*"] # of environments, by their tag as well

    condition {
      test     = "ArnNotEquals"
      variable = "ecs:cluster"
      values   = [local.platform.cluster_arn]
    }

    condition {
      test     = local.has_env.test
      variable = local.has_env.variable
      values   = local.has_env.values
    }
  }
}
