# The role of the tasks in which the catalogue lets people run programs (`exec: true`). Programs in such a container have it as well, so it
# holds nothing but the connection of ECS Exec's agent. Tasks of all other components have no role.
data "aws_iam_policy_document" "exec" {
  statement {
    sid       = "Session"
    resources = ["*"] # these actions support no resources

    actions = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
  }
}

resource "aws_iam_role" "exec" {
  name                 = "gromit-devenv-exec"
  description          = "connects the containers of environments in which people may run programs"
  assume_role_policy   = data.aws_iam_policy_document.execution_trust.json
  permissions_boundary = aws_iam_policy.boundary.arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "exec" {
  name   = "exec"
  role   = aws_iam_role.exec.id
  policy = data.aws_iam_policy_document.exec.json
}
