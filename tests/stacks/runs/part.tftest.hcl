# Plans with a mocked provider: what runs, how volumes are mounted, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Statement\": []}" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/gromit-sow" }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/gromit-sow:1" }
  }
}

variables {
  name     = "sow"
  image    = "ghcr.io/example/gromit:1.2.3"
  command  = ["sow", "/config"]
  ports    = [8443]
  policies = ["{\"Statement\": []}"]
  secrets  = { GROMIT_PKI_CA_KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ca-0a1b2c" }

  place = {
    vpc_id     = "vpc-0a1b2c3d"
    boundary   = "arn:aws:iam::123456789012:policy/gromit-boundary"
    region     = "eu-central-1"
    account_id = "123456789012"
    tags       = { managed = "gromit" }
  }

  volumes = {
    "/certs"  = { file_system_id = "fs-certs", access_point_id = "fsap-certs" }
    "/config" = { file_system_id = "fs-config", access_point_id = "fsap-config", writable = true }
  }
}

run "closed_and_encrypted" {
  command = plan

  assert {
    condition     = alltrue([for volume in aws_ecs_task_definition.this.volume : volume.efs_volume_configuration[0].transit_encryption == "ENABLED" if volume.name != "tmp"])
    error_message = "A volume is mounted without TLS."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].readonlyRootFilesystem
    error_message = "The root file system can be written."
  }

  assert {
    condition     = { for mount in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].mountPoints : mount.containerPath => mount.readOnly } == { "/tmp" = false, "/certs" = true, "/config" = false }
    error_message = "A volume is writable that must not be, or the other way round."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout == 120
    error_message = "A running terraform could not save its state."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 90 && !startswith(aws_cloudwatch_log_group.this.name, "/gromit/")
    error_message = "The log never expires, or workers may delete it."
  }

  assert {
    condition     = keys(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck) == ["command", "interval", "retries", "startPeriod", "timeout"]
    error_message = "ECS does not check its health, or fills in values that the next plan removes."
  }
}

run "has_further_policies" {
  command = plan

  variables {
    managed_policies = { records = "{\"Statement\": []}" }
  }

  assert {
    condition     = aws_iam_policy.task["records"].name == "gromit-sow-records" && aws_iam_role_policy_attachment.task["records"].role == aws_iam_role.task.name
    error_message = "The policy is not the task role's."
  }
}

run "asks_no_programs" {
  command = plan

  assert {
    condition     = { for name, rule in aws_security_group_rule.egress : name => [rule.from_port, rule.to_port, one(rule.cidr_blocks)] } == { https = [443, 443, "0.0.0.0/0"] }
    error_message = "It reaches more than AWS, or less."
  }
}

run "asks_programs" {
  command = plan
  variables {
    asks_programs = true
  }

  assert {
    condition     = [aws_security_group_rule.egress["programs"].from_port, aws_security_group_rule.egress["programs"].to_port, one(aws_security_group_rule.egress["programs"].cidr_blocks)] == [80, 65535, "0.0.0.0/0"]
    error_message = "It does not reach the public addresses of programs."
  }
}

run "no_ports_no_health_check" {
  command = plan
  variables {
    ports = []
  }

  assert {
    condition     = !can(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck)
    error_message = "A part without ports has a health check."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "long_names" {
  command = plan
  variables {
    name = "a-name-that-is-too-long"
  }
  expect_failures = [var.name]
}

run "no_image" {
  command = plan
  variables {
    image = ""
  }
  expect_failures = [var.image]
}

run "managed_policies_that_are_no_policies" {
  command = plan
  variables {
    managed_policies = { records = "{}" }
  }
  expect_failures = [var.managed_policies]
}

run "no_command" {
  command = plan
  variables {
    command = []
  }
  expect_failures = [var.command]
}

run "a_registry_with_a_wildcard" {
  command = plan
  variables {
    repositories = ["arn:aws:ecr:eu-central-1:123456789012:repository/*"]
  }
  expect_failures = [var.repositories]
}

run "a_key_in_a_variable" {
  command = plan
  variables {
    environment = { GROMIT_CLIENT_KEY = "-----BEGIN PRIVATE KEY-----" }
  }
  expect_failures = [var.environment]
}

run "a_secret_by_value" {
  command = plan
  variables {
    secrets = { GROMIT_CLIENT_KEY = "value" }
  }
  expect_failures = [var.secrets]
}

run "a_volume_mounted_too_deep" {
  command = plan
  variables {
    volumes = { "/certs/pki" = { file_system_id = "fs-certs", access_point_id = "fsap-certs" } }
  }
  expect_failures = [var.volumes]
}

run "a_size_that_fargate_does_not_have" {
  command = plan
  variables {
    size = { cpu = 256, memory = 4096 }
  }
  expect_failures = [var.size]
}

run "a_privileged_port" {
  command = plan
  variables {
    ports = [443]
  }
  expect_failures = [var.ports]
}

run "a_policy_that_is_none" {
  command = plan
  variables {
    policies = ["everything"]
  }
  expect_failures = [var.policies]
}

run "a_managed_policy_that_is_none" {
  command = plan
  variables {
    managed_policies = { records = "everything" }
  }
  expect_failures = [var.managed_policies]
}

run "a_place_without_an_account" {
  command = plan
  variables {
    place = merge(var.place, { account_id = "example" })
  }
  expect_failures = [var.place]
}

run "a_vpc_by_name" {
  command = plan
  variables {
    place = merge(var.place, { vpc_id = "main" })
  }
  expect_failures = [var.place]
}

run "a_retention_that_cloudwatch_does_not_have" {
  command = plan
  variables {
    retention_days = 89
  }
  expect_failures = [var.retention_days]
}

run "policies_longer_than_iam_allows" {
  command = plan
  override_data {
    target = data.aws_iam_policy_document.task
    values = { json = format("{%10239s}", replace(format("%10239s", ""), " ", "0")) }
  }
  override_data {
    target = data.aws_iam_policy_document.execution
    values = { json = format("{%10239s}", replace(format("%10239s", ""), " ", "0")) }
  }
  expect_failures = [aws_iam_role_policy.task, aws_iam_role_policy.execution]
}

run "white_space_is_not_counted" {
  command = plan
  override_data {
    target = data.aws_iam_policy_document.task
    values = { json = format("{%10239s}", "") }
  }
}

run "the_tag_of_environments" {
  command = plan
  variables {
    place = merge(var.place, { tags = { managed = "gromit", env = "app-test" } })
  }
  expect_failures = [var.place]
}

run "no_boundary" {
  command = plan
  variables {
    place = merge(var.place, { boundary = "" })
  }
  expect_failures = [var.place]
}
