module "component" {
  source   = "./modules/component"
  for_each = var.components

  name       = each.key
  env        = var.name
  cluster    = aws_ecs_cluster.this.arn
  log_group  = aws_cloudwatch_log_group.this.name
  platform   = var.platform
  definition = each.value
  parked     = var.parked
  tags       = merge(local.tags, { component = each.key })
}
