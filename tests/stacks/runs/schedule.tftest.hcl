# Plans with a mocked provider: when the part runs, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Statement\": []}" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/gromit-sow-schedule" }
  }
}

variables {
  every = "rate(37 minutes)"
  on    = { stopped = "{\"source\": [\"aws.ecs\"]}" }

  place = {
    account_id      = "123456789012"
    boundary        = "arn:aws:iam::123456789012:policy/gromit-boundary"
    cluster         = "arn:aws:ecs:eu-central-1:123456789012:cluster/internal"
    private_subnets = ["subnet-0a1b2c3d"]
    tags            = { managed = "gromit" }
  }

  part = {
    name               = "sow"
    task_definition    = "arn:aws:ecs:eu-central-1:123456789012:task-definition/gromit-sow:1"
    task_role_arn      = "arn:aws:iam::123456789012:role/gromit-sow"
    execution_role_arn = "arn:aws:iam::123456789012:role/gromit-sow-execution"
    security_group_id  = "sg-sow"
  }
}

run "by_time_and_by_event" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_rule.this["gromit-sow"].schedule_expression == "rate(37 minutes)" && jsondecode(aws_cloudwatch_event_rule.this["gromit-sow-stopped"].event_pattern).source == ["aws.ecs"]
    error_message = "It runs at another time, or on another event."
  }

  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.this : !target.ecs_target[0].network_configuration[0].assign_public_ip])
    error_message = "The internet can reach it."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "a_time_in_words" {
  command = plan
  variables {
    every = "daily"
  }
  expect_failures = [var.every]
}

run "an_event_in_words" {
  command = plan
  variables {
    on = { stopped = "when it has stopped" }
  }
  expect_failures = [var.on]
}

run "no_task_definition" {
  command = plan
  variables {
    part = { name = "sow", task_definition = "sow", task_role_arn = "a", execution_role_arn = "b", security_group_id = "sg-sow" }
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

run "no_tags" {
  command = plan
  variables {
    place = merge(var.place, { tags = {} })
  }
  expect_failures = [var.place]
}

run "a_place_without_an_account" {
  command = plan
  variables {
    place = merge(var.place, { account_id = "example" })
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
