locals {
  tags = {
    env     = var.name
    managed = "gromit"
  }
}

# A cluster of its own, so that everything of an environment is found by one name.
resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65:container insights cost by the task and tell of nothing that gromit and the logs do not
  name = var.name
  tags = local.tags
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every group with a key of its own, and these logs are for everybody who develops
  # checkov:skip=CKV_AWS_338:logs of an environment are read while it is developed, and it lives for days
  name              = "/gromit/${var.name}"
  retention_in_days = 7
  tags              = local.tags
}
