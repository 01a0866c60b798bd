locals {
  tags = merge(
    { env = var.name, managed = "gromit" },
    var.platform.installation == "" ? {} : { installation = var.platform.installation },
  )
}

# Each environment has its own cluster, so one name finds all of its tasks.
resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65:container insights cost by the task, and show nothing that gromit and the logs do not
  name = var.name
  tags = local.tags
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every group with its own key, and every developer may read these logs
  # checkov:skip=CKV_AWS_338:developers read the logs of an environment while it exists, which is a matter of days
  name              = "/gromit/${var.name}"
  retention_in_days = 7
  tags              = local.tags
}
