# Plans with a mocked provider: how a service is deployed and found, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_service_discovery_service" {
    defaults = { arn = "arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0a1b" }
  }
}

variables {
  namespaces = { internal = "ns-0a1b2c3d" }
  targets    = { "8443" = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/gromit-serve/0a1b" }

  place = {
    cluster         = "arn:aws:ecs:eu-central-1:123456789012:cluster/internal"
    private_subnets = ["subnet-0a1b2c3d"]
    security_groups = ["sg-mounts"]
    tags            = { managed = "gromit" }
  }

  part = {
    name              = "serve"
    task_definition   = "arn:aws:ecs:eu-central-1:123456789012:task-definition/gromit-serve:1"
    security_group_id = "sg-serve"
  }
}

run "always_up_and_never_given_up" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.deployment_minimum_healthy_percent == 100
    error_message = "The service is down during a deployment."
  }

  assert {
    condition     = length(aws_ecs_service.this.deployment_circuit_breaker) == 0
    error_message = "ECS gives up before the first certificates exist."
  }

  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && aws_ecs_service.this.network_configuration[0].security_groups == toset(["sg-serve", "sg-mounts"])
    error_message = "The internet can reach it, or it cannot mount its volumes."
  }

  assert {
    condition     = one(aws_ecs_service.this.load_balancer).container_port == 8443 && length(aws_ecs_service.this.service_registries) == 1
    error_message = "It is not behind the load balancer, or has no name in the namespace."
  }

  assert {
    condition     = aws_ecs_service.this.health_check_grace_period_seconds == 60
    error_message = "A slow start behind a load balancer is stopped too early."
  }
}

run "one_after_the_other" {
  command = plan
  variables {
    singleton  = true
    targets    = {}
    namespaces = {}
  }

  assert {
    condition     = aws_ecs_service.this.deployment_maximum_percent == 100 && length(aws_ecs_service.this.service_registries) == 0
    error_message = "Two tasks run at the same time."
  }

  assert {
    condition     = aws_ecs_service.this.health_check_grace_period_seconds == null
    error_message = "ECS refuses a grace period without a load balancer."
  }
}

run "several_tasks" {
  command = plan
  variables {
    tasks = 3
  }

  assert {
    condition     = aws_ecs_service.this.desired_count == 3
    error_message = "There are not as many tasks as were asked for."
  }
}

run "no_half_task" {
  command = plan
  variables {
    tasks = 1.5
  }
  expect_failures = [var.tasks]
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "a_singleton_behind_a_balancer" {
  command = plan
  variables {
    singleton = true
  }
  expect_failures = [aws_ecs_service.this]
}

run "no_task_definition" {
  command = plan
  variables {
    part = { name = "serve", task_definition = "serve", security_group_id = "sg-serve" }
  }
  expect_failures = [var.part]
}

run "a_cluster_by_name" {
  command = plan
  variables {
    place = merge(var.place, { cluster = "internal" })
  }
  expect_failures = [var.place]
}

run "no_subnets" {
  command = plan
  variables {
    place = merge(var.place, { private_subnets = [] })
  }
  expect_failures = [var.place]
}

run "a_group_by_name" {
  command = plan
  variables {
    place = merge(var.place, { security_groups = ["mounts"] })
  }
  expect_failures = [var.place]
}

run "two_namespaces" {
  command = plan
  variables {
    namespaces = { internal = "ns-0a1b", other = "ns-0c1d" }
  }
  expect_failures = [var.namespaces]
}

run "a_target_by_name" {
  command = plan
  variables {
    targets = { "8443" = "serve" }
  }
  expect_failures = [var.targets]
}

run "no_tags" {
  command = plan
  variables {
    place = merge(var.place, { tags = {} })
  }
  expect_failures = [var.place]
}
