# Plans with a mocked provider: where the data are, who reaches them, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Statement\": []}" }
  }

  mock_resource "aws_ebs_volume" {
    defaults = { id = "vol-0a1b2c3d" }
  }

  mock_resource "aws_security_group" {
    defaults = { id = "sg-0a1b2c3d" }
  }

  mock_resource "aws_instance" {
    defaults = { id = "i-0a1b2c3d", private_ip = "10.91.128.10" }
  }
}

variables {
  name     = "mongo-0"
  ami      = "ami-0a1b2c3d"
  vpc      = { id = "vpc-0a1b", clients = { private-a = "10.91.128.0/20" }, subnet_id = "subnet-0a1b", zone = "eu-central-1a" }
  dns      = { zone_id = "Z0A1B", domain = "dev.example.com" }
  boundary = "arn:aws:iam::123456789012:policy/gromit-boundary"
  tags     = { managed = "gromit" }
}

run "data_on_a_volume_of_their_own" {
  command = plan

  assert {
    condition     = aws_ebs_volume.data.encrypted && aws_ebs_volume.data.size == 50 && aws_ebs_volume.data.availability_zone == "eu-central-1a"
    error_message = "The volume has another size, zone or type."
  }

  assert {
    condition     = aws_ebs_volume.data.tags == tomap({ managed = "gromit", backup = "mongo", Name = "gromit-mongo-0-data" })
    error_message = "The backup would not find the volume."
  }

  assert {
    condition     = aws_volume_attachment.data.skip_destroy && aws_volume_attachment.data.volume_id == "vol-0a1b2c3d"
    error_message = "The volume would be detached from a running host."
  }
}

run "only_its_clients_reach_it" {
  command = plan

  assert {
    condition = [for rule in values(aws_security_group_rule.server) : [rule.type, rule.from_port, rule.cidr_blocks[0]]] == [
      ["egress", 27017, "10.91.128.0/20"], ["ingress", 27017, "10.91.128.0/20"],
    ]
    error_message = "Others than its clients reach the server, or members of a replica set do not."
  }

  assert {
    condition     = aws_route53_record.this.name == "mongo-0.dev.example.com" && aws_route53_record.this.records == toset(["10.91.128.10"])
    error_message = "The record is not that of the host."
  }
}

run "name_is_a_label" {
  command = plan
  variables {
    name = "mongo.0"
  }
  expect_failures = [var.name]
}

run "server_says_which_version" {
  command = plan
  variables {
    server = "mongo"
  }
  expect_failures = [var.server]
}

run "volume_has_a_size" {
  command = plan
  variables {
    volume_gib = 0
  }
  expect_failures = [var.volume_gib]
}

run "image_is_an_id" {
  command = plan
  variables {
    ami = "latest"
  }
  expect_failures = [var.ami]
}

run "instance_type_is_one" {
  command = plan
  variables {
    instance_type = "small"
  }
  expect_failures = [var.instance_type]
}

run "vpc_is_one" {
  command = plan
  variables {
    vpc = { id = "mine", clients = { private-a = "10.91.128.0/20" }, subnet_id = "subnet-0a1b", zone = "eu-central-1a" }
  }
  expect_failures = [var.vpc]
}

run "clients_by_name" {
  command = plan
  variables {
    vpc = { id = "vpc-0a1b", clients = { private-a = "everyone" }, subnet_id = "subnet-0a1b", zone = "eu-central-1a" }
  }
  expect_failures = [var.vpc]
}

run "zone_is_a_whole_name" {
  command = plan
  variables {
    vpc = { id = "vpc-0a1b", clients = { private-a = "10.91.128.0/20" }, subnet_id = "subnet-0a1b", zone = "a" }
  }
  expect_failures = [var.vpc]
}

run "domain_is_one" {
  command = plan
  variables {
    dns = { zone_id = "Z0A1B", domain = "internal" }
  }
  expect_failures = [var.dns]
}

run "tag_of_backups_is_taken" {
  command = plan
  variables {
    tags = { backup = "never" }
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
