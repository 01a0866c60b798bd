resource "aws_ecs_service" "this" {
  # checkov:skip=CKV_AWS_332:LATEST means 1.4.0 on Linux, and the written number is the same in the next plan
  name                    = "gromit-${var.part.name}"
  cluster                 = var.place.cluster
  task_definition         = var.part.task_definition
  desired_count           = var.tasks
  launch_type             = "FARGATE"
  platform_version        = "1.4.0"
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"
  tags                    = var.place.tags

  deployment_minimum_healthy_percent = var.singleton ? 0 : 100
  deployment_maximum_percent         = var.singleton ? 100 : 200

  # Seconds in which ECS does not stop a new task for failed checks of its load balancer. A target fails after three checks, which is
  # half a minute, so a slow start would never finish. Without a load balancer there is no grace period: ECS refuses it.
  health_check_grace_period_seconds = length(var.targets) > 0 ? 60 : null

  lifecycle {
    precondition {
      condition     = !var.singleton || length(var.targets) == 0
      error_message = "A service behind a load balancer cannot be a singleton: it must stay up during a deployment."
    }
  }

  # No circuit breaker. The first tasks of an installation exit at once, because their certificates do not exist yet, and a circuit
  # breaker would give up before they do. Without one, ECS tries again with growing pauses.

  network_configuration {
    subnets          = var.place.private_subnets
    security_groups  = concat([var.part.security_group_id], var.place.security_groups)
    assign_public_ip = false
  }

  dynamic "service_registries" {
    for_each = aws_service_discovery_service.this

    content {
      registry_arn = service_registries.value.arn
    }
  }

  dynamic "load_balancer" {
    for_each = var.targets

    content {
      target_group_arn = load_balancer.value
      container_name   = var.part.name
      container_port   = load_balancer.key
    }
  }
}

# `serve` in the namespace `internal` has the DNS name `serve.internal`.
resource "aws_service_discovery_service" "this" {
  for_each = var.namespaces

  name = var.part.name
  tags = var.place.tags

  dns_config {
    namespace_id   = each.value
    routing_policy = "MULTIVALUE"

    dns_records {
      ttl  = 10
      type = "A"
    }
  }
}
