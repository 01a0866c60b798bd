# Plans of the root with a mocked provider: its outputs, and the values it refuses.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/app-test" }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/app-test--redis:1" }
  }

  mock_resource "aws_service_discovery_service" {
    defaults = { arn = "arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0a1b" }
  }
}

variables {
  name       = "app-test"
  components = { redis = { image = "redis:7", port = 6379 } }

  platform = {
    vpc_id             = "vpc-0a1b"
    vpc_cidr           = "10.91.0.0/16"
    public_subnets     = ["subnet-public"]
    private_subnets    = ["subnet-private"]
    namespace_id       = "ns-0a1b"
    file_system_id     = "fs-0a1b"
    execution_role_arn = "arn:aws:iam::123456789012:role/execution"
    registry           = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    region             = "eu-central-1"
  }
}

run "outputs_the_desired_task_definitions" {
  command = plan

  assert {
    condition     = output.task_definitions == { redis = "arn:aws:ecs:eu-central-1:123456789012:task-definition/app-test--redis:1" }
    error_message = "The output does not map components to task definitions."
  }

  assert {
    condition     = aws_ecs_cluster.this.name == "app-test" && aws_cloudwatch_log_group.this.name == "/gromit/app-test"
    error_message = "The cluster and the log group do not have the environment's name."
  }

  assert {
    condition     = aws_ecs_cluster.this.tags == tomap({ env = "app-test", managed = "gromit" })
    error_message = "The cluster lacks the tags that name its owner."
  }
}

run "a_named_installation_tags_everything" {
  command = plan
  variables {
    platform = {
      vpc_id             = "vpc-0a1b"
      vpc_cidr           = "10.91.0.0/16"
      public_subnets     = ["subnet-public"]
      private_subnets    = ["subnet-private"]
      namespace_id       = "ns-0a1b"
      file_system_id     = "fs-0a1b"
      execution_role_arn = "arn:aws:iam::123456789012:role/execution"
      registry           = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
      region             = "eu-central-1"
      installation       = "team-a"
    }
  }

  assert {
    condition     = aws_ecs_cluster.this.tags == tomap({ env = "app-test", managed = "gromit", installation = "team-a" })
    error_message = "The cluster lacks the tag that names its installation."
  }
}

run "an_environment_without_components" {
  command = plan
  variables {
    components = {}
  }

  assert {
    condition     = length(output.task_definitions) == 0
    error_message = "An environment without components has task definitions."
  }
}

run "name_is_a_label" {
  command = plan
  variables {
    name = "release-3.1.0"
  }
  expect_failures = [var.name]
}

run "components_are_labels" {
  command = plan
  variables {
    components = { "Redis" = { image = "redis:7" } }
  }
  expect_failures = [var.components]
}

run "vpc_is_an_id" {
  command = plan
  variables {
    platform = merge(var.platform, { vpc_id = "the-vpc" })
  }
  expect_failures = [var.platform]
}

run "there_are_subnets_of_both_kinds" {
  command = plan
  variables {
    platform = merge(var.platform, { public_subnets = [] })
  }
  expect_failures = [var.platform]
}

run "namespace_and_file_system_are_ids" {
  command = plan
  variables {
    platform = merge(var.platform, { namespace_id = "internal" })
  }
  expect_failures = [var.platform]
}

run "execution_role_is_an_arn" {
  command = plan
  variables {
    platform = merge(var.platform, { execution_role_arn = "execution" })
  }
  expect_failures = [var.platform]
}

run "region_is_one_of_aws" {
  command = plan
  variables {
    platform = merge(var.platform, { region = "Frankfurt" })
  }
  expect_failures = [var.platform]
}
