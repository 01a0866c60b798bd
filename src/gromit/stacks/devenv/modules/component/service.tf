resource "aws_ecs_service" "this" {
  # checkov:skip=CKV_AWS_332:LATEST means 1.4.0 on Linux, and the written number is the same in the next plan
  name                    = var.name
  cluster                 = var.cluster
  task_definition         = aws_ecs_task_definition.this.arn
  desired_count           = var.parked ? 0 : 1
  launch_type             = "FARGATE"
  platform_version        = "1.4.0"
  enable_ecs_managed_tags = true
  enable_execute_command  = var.definition.exec
  propagate_tags          = "SERVICE"
  tags                    = var.tags

  # No rollback. A rollback would restore the old task definition without terraform's knowledge and report COMPLETED: a build that
  # does not start would look like a success, and the next plan would not be empty. Without it the deployment visibly stays FAILED,
  # while the tasks of the previous one keep serving.
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

  # A task that starts before its rules exist cannot pull its image, and the circuit breaker counts it as a failure.
  depends_on = [aws_security_group_rule.ingress, aws_security_group_rule.egress]
}
