# Tasks of hooks: sow starts those of `on_create`, and reap those of `on_reap`. Only the stack registers task definitions of such names.
# Both also stop tasks that no service has started: those that a killed worker has left, or a person. The tasks themselves have no tag.
data "aws_iam_policy_document" "hooks" {
  for_each = toset(["on-create", "on-reap"])

  statement {
    sid       = "Hooks"
    actions   = ["ecs:RunTask", "ecs:StopTask"]
    resources = ["arn:aws:ecs:${local.here}:task-definition/*--${each.key}:*", "arn:aws:ecs:${local.here}:task/*"] # of environments

    condition {
      test     = "ArnNotEquals"
      variable = "ecs:cluster"
      values   = [local.platform.cluster_arn]
    }
  }
}
