locals {
  tags = {
    env     = var.name
    managed = "gromit"
  }
}

# A cluster of its own, so that everything of an environment is found by one name.
resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = local.tags
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/gromit/${var.name}"
  retention_in_days = 7
  tags              = local.tags
}
