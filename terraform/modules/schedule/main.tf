locals {
  name  = "gromit-${var.part.name}"
  rules = merge({ (local.name) = { every = var.every, pattern = null } }, { for name, pattern in var.on : "${local.name}-${name}" => { every = null, pattern = pattern } })
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name                = each.key
  description         = "runs gromit ${var.part.name}"
  schedule_expression = each.value.every
  event_pattern       = each.value.pattern
  tags                = var.place.tags
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = aws_cloudwatch_event_rule.this

  rule      = each.value.name
  target_id = local.name
  arn       = var.place.cluster
  role_arn  = aws_iam_role.this.arn

  ecs_target {
    task_definition_arn = var.part.task_definition
    task_count          = 1
    launch_type         = "FARGATE"
    platform_version    = "1.4.0"

    network_configuration {
      subnets          = var.place.private_subnets
      security_groups  = concat([var.part.security_group_id], var.place.security_groups)
      assign_public_ip = false
    }
  }
}
