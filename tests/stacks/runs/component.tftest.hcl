# Plans of the module `component` with a mocked provider: which ports are open, what is mounted, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_security_group" {
    defaults = { id = "sg-0a1b" }
  }

  mock_resource "aws_efs_access_point" {
    defaults = { id = "fsap-0a1b" }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/app-test--redis:1" }
  }

  mock_resource "aws_service_discovery_service" {
    defaults = { arn = "arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0a1b" }
  }
}

variables {
  name      = "redis"
  env       = "app-test"
  cluster   = "arn:aws:ecs:eu-central-1:123456789012:cluster/app-test"
  log_group = "/gromit/app-test"
  tags      = { env = "app-test", managed = "gromit", component = "redis" }

  definition = {
    image = "redis:7"
    port  = 6379
  }

  platform = {
    vpc_id             = "vpc-0a1b"
    vpc_cidr           = "10.91.0.0/16"
    public_subnets     = ["subnet-public"]
    private_subnets    = ["subnet-private"]
    namespace_id       = "ns-0a1b"
    file_system_id     = "fs-0a1b"
    execution_role_arn = "arn:aws:iam::123456789012:role/execution"
    region             = "eu-central-1"
    mongo              = "mongo.dev.example.com:27017"
  }
}

run "private_by_default" {
  command = plan

  assert {
    condition     = aws_security_group_rule.ingress["port"].cidr_blocks == tolist(["10.91.0.0/16"])
    error_message = "A private component is open to more than the VPC."
  }

  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip
    error_message = "A private component has a public address."
  }

  assert {
    condition     = aws_ecs_service.this.network_configuration[0].subnets == toset(["subnet-private"])
    error_message = "A private component is not in a private subnet."
  }
}

run "public_on_request" {
  command = plan

  variables {
    definition = { image = "tyk:1", port = 8181, public = true }
  }

  assert {
    condition     = aws_security_group_rule.ingress["port"].cidr_blocks == tolist(["0.0.0.0/0"])
    error_message = "A public component is not open to the world."
  }

  assert {
    condition     = aws_security_group_rule.ingress["port"].from_port == 8181 && aws_security_group_rule.ingress["port"].to_port == 8181
    error_message = "A public component is open on a port other than its own."
  }

  assert {
    condition     = aws_ecs_service.this.network_configuration[0].assign_public_ip
    error_message = "A public component has no public address."
  }
}

run "nothing_is_open_without_a_port" {
  command = plan

  variables {
    definition = { image = "worker:1" }
  }

  assert {
    condition     = length(aws_security_group_rule.ingress) == 0
    error_message = "A component without a port has an ingress rule."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].portMappings == []
    error_message = "A component without a port has a port mapping."
  }
}

run "failed_deployments_stay_visible" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && !aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "The circuit breaker is off, or rolls back."
  }

  assert {
    condition     = aws_ecs_service.this.enable_ecs_managed_tags && aws_ecs_service.this.propagate_tags == "SERVICE"
    error_message = "Tasks and their interfaces are not tagged."
  }
}

run "names" {
  command = plan

  assert {
    condition     = aws_ecs_task_definition.this.family == "app-test--redis"
    error_message = "The family may collide with another environment's."
  }

  assert {
    condition     = aws_security_group.this.name == "gromit--app-test--redis"
    error_message = "The security group may be refused, or collide."
  }

  assert {
    condition     = aws_service_discovery_service.this.name == "redis.app-test"
    error_message = "The component has another name than redis.app-test.internal."
  }
}

run "no_config_no_mount" {
  command = plan

  assert {
    condition     = length(aws_efs_access_point.config) == 0 && length(aws_ecs_task_definition.this.volume) == 0
    error_message = "A component without config has a volume."
  }
}

run "config_is_mounted_read_only" {
  command = plan

  variables {
    definition = { image = "tyk:1", config_path = "/conf" }
  }

  assert {
    condition = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].mountPoints == [
      { sourceVolume = "config", containerPath = "/conf", readOnly = true }
    ]
    error_message = "The config is not mounted read-only."
  }

  assert {
    condition     = aws_efs_access_point.config["/conf"].root_directory[0].path == "/app-test/redis"
    error_message = "The access point shows more than the component's own folder."
  }

  assert {
    condition     = aws_efs_access_point.config["/conf"].posix_user[0].uid == 65534
    error_message = "Clients of the access point could write."
  }
}

run "no_task_role" {
  command = plan

  assert {
    condition     = aws_ecs_task_definition.this.task_role_arn == null
    error_message = "The container has permissions in AWS."
  }
}

run "name_is_a_label" {
  command = plan
  variables {
    name = "re--dis"
  }
  expect_failures = [var.name]
}

run "env_is_a_label" {
  command = plan
  variables {
    env = "App-Test"
  }
  expect_failures = [var.env]
}

run "cluster_is_an_arn" {
  command = plan
  variables {
    cluster = "app-test"
  }
  expect_failures = [var.cluster]
}

run "log_group_is_absolute" {
  command = plan
  variables {
    log_group = "gromit"
  }
  expect_failures = [var.log_group]
}

run "tags_name_the_owner" {
  command = plan
  variables {
    tags = { env = "app-test" }
  }
  expect_failures = [var.tags]
}

run "platform_has_a_range" {
  command = plan
  variables {
    platform = {
      vpc_id             = "vpc-0a1b"
      vpc_cidr           = "10.91.0.0"
      public_subnets     = ["subnet-public"]
      private_subnets    = ["subnet-private"]
      namespace_id       = "ns-0a1b"
      file_system_id     = "fs-0a1b"
      execution_role_arn = "arn:aws:iam::123456789012:role/execution"
      region             = "eu-central-1"
    }
  }
  expect_failures = [var.platform]
}

run "image_is_needed" {
  command = plan
  variables {
    definition = { image = "" }
  }
  expect_failures = [var.definition]
}

run "port_is_a_port" {
  command = plan
  variables {
    definition = { image = "redis:7", port = 65536 }
  }
  expect_failures = [var.definition]
}

run "public_needs_a_port" {
  command = plan
  variables {
    definition = { image = "redis:7", public = true }
  }
  expect_failures = [var.definition]
}

run "config_path_is_absolute" {
  command = plan
  variables {
    definition = { image = "redis:7", config_path = "conf" }
  }
  expect_failures = [var.definition]
}

run "secrets_are_arns" {
  command = plan
  variables {
    definition = { image = "redis:7", secrets = { PASSWORD = "hunter2" } }
  }
  expect_failures = [var.definition]
}

run "size_is_one_of_fargate" {
  command = plan
  variables {
    definition = { image = "redis:7", cpu = 256, memory = 4096 }
  }
  expect_failures = [var.definition]
}

run "cpu_is_one_of_fargate" {
  command = plan
  variables {
    definition = { image = "redis:7", cpu = 300 }
  }
  expect_failures = [var.definition]
}

run "a_parked_component_runs_no_task" {
  command = plan

  variables {
    parked = true
  }

  assert {
    condition     = aws_ecs_service.this.desired_count == 0
    error_message = "A parked component runs a task."
  }
}

run "a_hook_is_a_task_that_serves_nothing" {
  command = plan
  variables {
    definition = {
      image = "redis:7"
      port  = 6379
      hooks = { on_reap = { image = "mongo:7", command = ["mongosh"] } }
    }
  }

  assert {
    condition     = keys(aws_ecs_task_definition.hook) == ["on_reap"] && aws_ecs_task_definition.hook["on_reap"].family == "app-test--redis--on-reap"
    error_message = "The family is not the one by which gromit finds the hook."
  }

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.hook["on_reap"].container_definitions) :
      container.image == "mongo:7" && container.entryPoint == ["mongosh"] && container.portMappings == []
    ])
    error_message = "The hook runs something else than its own image and command."
  }

  assert {
    condition = jsondecode(aws_ecs_task_definition.hook["on_reap"].container_definitions)[0].environment == [
      { name = "GROMIT_ENVIRONMENT", value = "app-test" },
      { name = "GROMIT_HOOK", value = "on_reap" },
      { name = "GROMIT_MONGO", value = "mongo.dev.example.com:27017" },
    ]
    error_message = "The hook does not learn for which environment it runs, when, and where Mongo is."
  }
}

run "hooks_have_known_names" {
  command = plan
  variables {
    definition = {
      image = "redis:7"
      hooks = { on_start = { image = "redis:7", command = ["true"] } }
    }
  }
  expect_failures = [var.definition]
}

run "hooks_have_a_command" {
  command = plan
  variables {
    definition = {
      image = "redis:7"
      hooks = { on_reap = { image = "redis:7", command = [] } }
    }
  }
  expect_failures = [var.definition]
}

run "no_shell_without_the_catalogues_word" {
  command = plan

  variables {
    platform = merge(var.platform, { exec_role_arn = "arn:aws:iam::123456789012:role/exec" })
  }

  assert {
    condition     = !aws_ecs_service.this.enable_execute_command
    error_message = "ECS Exec is on for a component whose catalogue does not ask for it."
  }

  # With a mocked provider, a missing value may be null or empty.
  assert {
    condition     = !startswith(coalesce(aws_ecs_task_definition.this.task_role_arn, "-"), "arn:")
    error_message = "The tasks of a component without `exec` have a role."
  }
}

run "shell_on_request" {
  command = plan

  variables {
    platform   = merge(var.platform, { exec_role_arn = "arn:aws:iam::123456789012:role/exec" })
    definition = { image = "redis:7", exec = true, hooks = { on_create = { image = "mongo:7", command = ["mongosh"] } } }
  }

  assert {
    condition     = aws_ecs_service.this.enable_execute_command
    error_message = "ECS Exec is off for a component whose catalogue asks for it."
  }

  assert {
    condition     = aws_ecs_task_definition.this.task_role_arn == "arn:aws:iam::123456789012:role/exec"
    error_message = "The tasks of a component with `exec` lack the role of its agent."
  }

  assert {
    condition     = !startswith(coalesce(aws_ecs_task_definition.hook["on_create"].task_role_arn, "-"), "arn:")
    error_message = "The tasks of a hook have a role."
  }
}

run "no_shell_without_a_role" {
  command = plan

  variables {
    definition = { image = "redis:7", exec = true }
  }

  expect_failures = [aws_ecs_task_definition.this]
}
