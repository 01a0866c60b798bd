resource "aws_ecs_service" "this" {
  # checkov:skip=CKV_AWS_332:1.4.0 is what LATEST means on Linux, and written out it is the same in the next plan
  name                    = var.name
  cluster                 = var.cluster
  task_definition         = aws_ecs_task_definition.this.arn
  desired_count           = 1
  launch_type             = "FARGATE"
  platform_version        = "1.4.0"
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"
  tags                    = var.tags

  # No rollback. With it ECS puts the old task definition back behind terraform's back and reports COMPLETED: a build that
  # does not start would read as a success, and the next plan would not be empty. Without it the deployment stays, visibly
  # FAILED, while the tasks of the one before go on serving.
  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }

  network_configuration {
    subnets          = var.definition.public ? var.platform.public_subnets : var.platform.private_subnets
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = var.definition.public
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this.arn
  }

  # A task that starts before its rules are there cannot pull its image, and counts as a failure for the circuit breaker.
  depends_on = [aws_security_group_rule.ingress, aws_security_group_rule.egress]
}
