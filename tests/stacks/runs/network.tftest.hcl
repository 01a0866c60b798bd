# Plans with a mocked provider: ranges, routes in and out, and which values are refused.

mock_provider "aws" {
  override_during = plan
}

variables {
  name   = "gromit"
  region = "eu-central-1"
  cidr   = "10.91.0.0/16"
  tags   = { managed = "gromit" }
}

run "three_zones_with_three_subnets_each" {
  command = plan

  assert {
    condition     = [for zone, subnet in aws_subnet.public : subnet.cidr_block] == ["10.91.0.0/20", "10.91.16.0/20", "10.91.32.0/20"]
    error_message = "The public subnets have other ranges."
  }

  assert {
    condition     = [for zone, subnet in aws_subnet.private : subnet.cidr_block] == ["10.91.128.0/20", "10.91.144.0/20", "10.91.160.0/20"]
    error_message = "The private subnets have other ranges."
  }

  assert {
    condition     = [for zone, subnet in aws_subnet.control : subnet.cidr_block] == ["10.91.112.0/23", "10.91.114.0/23", "10.91.116.0/23"]
    error_message = "The control plane's subnets have other ranges."
  }

  assert {
    condition     = output.environment_cidrs == merge({ for zone, subnet in aws_subnet.public : "public-${zone}" => subnet.cidr_block }, { for zone, subnet in aws_subnet.private : "private-${zone}" => subnet.cidr_block })
    error_message = "The ranges of environments lack one, or have the control plane's."
  }

  assert {
    condition     = aws_subnet.private["c"].availability_zone == "eu-central-1c" && keys(output.private_subnets) == ["a", "b", "c"]
    error_message = "A subnet is in another zone."
  }
}

run "another_zone_moves_nothing" {
  command = plan
  variables {
    zones = ["a", "b", "c", "d"]
  }

  assert {
    condition     = aws_subnet.public["c"].cidr_block == "10.91.32.0/20" && aws_subnet.private["c"].cidr_block == "10.91.160.0/20" && aws_subnet.control["c"].cidr_block == "10.91.116.0/23"
    error_message = "A subnet would be replaced."
  }
}

run "the_smallest_network_with_the_most_zones" {
  command = plan
  variables {
    cidr  = "10.91.0.0/20"
    zones = ["a", "b", "c", "d", "e", "f", "g"]
  }

  assert {
    condition     = aws_subnet.public["g"].cidr_block == "10.91.6.0/24" && aws_subnet.control["a"].cidr_block == "10.91.7.0/27" && aws_subnet.control["g"].cidr_block == "10.91.7.192/27"
    error_message = "Subnets overlap, or are smaller than AWS allows."
  }
}

run "more_zones_than_there_is_room_for" {
  command = plan
  variables {
    zones = ["a", "b", "c", "d", "e", "f", "g", "h"]
  }
  expect_failures = [var.zones]
}

run "no_subnet_gives_out_public_addresses" {
  command = plan

  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private), values(aws_subnet.control)) : !subnet.map_public_ip_on_launch])
    error_message = "A subnet gives out public addresses."
  }
}

run "only_the_vpc_reaches_the_endpoints" {
  command = plan

  assert {
    condition     = aws_security_group_rule.endpoints.cidr_blocks == tolist(["10.91.0.0/16"]) && aws_security_group_rule.endpoints.to_port == 443
    error_message = "The endpoints are open to clients outside the VPC."
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
    error_message = "There are other endpoints than asked for."
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled])
    error_message = "Traffic to a service would still pass the NAT."
  }
}

run "range_is_large_enough" {
  command = plan
  variables {
    cidr = "10.91.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "zones_are_several_and_different" {
  command = plan
  variables {
    zones = ["a", "a"]
  }
  expect_failures = [var.zones]
}

run "zones_are_letters" {
  command = plan
  variables {
    zones = ["eu-central-1a", "eu-central-1b"]
  }
  expect_failures = [var.zones]
}

run "region_is_one" {
  command = plan
  variables {
    region = "Frankfurt"
  }
  expect_failures = [var.region]
}

run "name_is_plain" {
  command = plan
  variables {
    name = "The network"
  }
  expect_failures = [var.name]
}

run "endpoints_are_short_names" {
  command = plan
  variables {
    endpoints = ["com.amazonaws.eu-central-1.ECR"]
  }
  expect_failures = [var.endpoints]
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
