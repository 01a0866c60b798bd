# Plans with a mocked provider: how a machine is closed, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Statement\": []}" }
  }
}

variables {
  name            = "gromit-bastion"
  ami             = "ami-0a1b2c3d"
  instance_type   = "t4g.nano"
  subnet_id       = "subnet-0a1b2c3d"
  security_groups = ["sg-0a1b2c3d"]
  user_data       = "#!/bin/bash\n"
  boundary        = "arn:aws:iam::123456789012:policy/gromit-boundary"
  tags            = { managed = "gromit" }
}

run "closed_by_default" {
  command = plan

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The metadata service answers requests without a token."
  }

  assert {
    condition     = aws_instance.this.root_block_device[0].encrypted
    error_message = "The root volume is not encrypted."
  }

  assert {
    condition     = !aws_instance.this.associate_public_ip_address
    error_message = "The internet can reach it."
  }

  assert {
    condition     = aws_instance.this.tags == tomap({ managed = "gromit", Name = "gromit-bastion" })
    error_message = "The tag `Name` is missing."
  }
}

run "with_ssh_and_further_policies" {
  command = plan
  variables {
    has_public_address = true
    key_pair           = "platform-team"
    policies           = { volumes = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }

  assert {
    condition     = aws_instance.this.associate_public_ip_address && aws_instance.this.key_name == "platform-team"
    error_message = "Ssh has no key pair or no public address."
  }

  assert {
    condition     = keys(aws_iam_role_policy.more) == ["volumes"]
    error_message = "A policy is missing."
  }
}

run "image_is_an_id" {
  command = plan
  variables {
    ami = "latest"
  }
  expect_failures = [var.ami]
}

run "user_data_is_a_script" {
  command = plan
  variables {
    user_data = "echo hello"
  }
  expect_failures = [var.user_data]
}

run "there_is_a_security_group" {
  command = plan
  variables {
    security_groups = []
  }
  expect_failures = [var.security_groups]
}

run "instance_type_is_one" {
  command = plan
  variables {
    instance_type = "small"
  }
  expect_failures = [var.instance_type]
}

run "subnet_is_an_id" {
  command = plan
  variables {
    subnet_id = "private"
  }
  expect_failures = [var.subnet_id]
}

run "key_pair_is_a_name" {
  command = plan
  variables {
    key_pair = " platform-team"
  }
  expect_failures = [var.key_pair]
}

run "policies_are_policies" {
  command = plan
  variables {
    policies = { all = "*" }
  }
  expect_failures = [var.policies]
}

run "root_volume_holds_a_system" {
  command = plan
  variables {
    root_gib = 1
  }
  expect_failures = [var.root_gib]
}

run "name_is_plain" {
  command = plan
  variables {
    name = "The Bastion"
  }
  expect_failures = [var.name]
}

run "tags_leave_names_alone" {
  command = plan
  variables {
    tags = { Name = "mine" }
  }
  expect_failures = [var.tags]
}

run "example" {
  command = plan
  module {
    source = "./examples/basic"
  }
}

run "a_boundary_by_name" {
  command = plan
  variables {
    boundary = "gromit-boundary"
  }
  expect_failures = [var.boundary]
}
