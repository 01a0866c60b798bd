# Plans with a mocked provider: where TLS ends, who reaches which listener, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/gromit-control/0a1b", dns_name = "example.elb.amazonaws.com", zone_id = "Z0E1F" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/gromit-serve/0a1b" }
  }
}

variables {
  name = "control"

  listeners = {
    serve   = { port = 8443, cidrs = ["192.0.2.0/24", "198.51.100.7/32"], target = 8443, health = { port = 8080, protocol = "HTTP" } }
    gateway = { port = 443, cidrs = ["0.0.0.0/0"], target = 8443, health = { port = 8443, protocol = "HTTPS" }, certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b" }
  }

  place = {
    vpc_id         = "vpc-0a1b2c3d"
    public_subnets = ["subnet-0a1b2c3d"]
    zone_id        = "Z0A1B2C3D"
    domain         = "dev.example.com"
    tags           = { managed = "gromit" }
  }
}

run "tls_is_passed_through_to_serve_and_ends_before_the_gateway" {
  command = plan

  assert {
    condition     = aws_lb_listener.this["serve"].protocol == "TCP" && aws_lb_target_group.this["serve"].protocol == "TCP" && aws_lb_listener.this["serve"].certificate_arn == null
    error_message = "The client's certificate does not reach serve."
  }

  assert {
    condition     = aws_lb_listener.this["gateway"].protocol == "TLS" && aws_lb_target_group.this["gateway"].protocol == "TLS"
    error_message = "Tokens are sent in clear."
  }

  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : group.proxy_protocol_v2])
    error_message = "The audit would know the load balancer's address alone."
  }

  assert {
    condition     = output.urls == { gateway = "https://gateway.dev.example.com", serve = "https://serve.dev.example.com:8443" }
    error_message = "The public names are not the documented ones."
  }
}

run "each_listener_admits_its_own_ranges" {
  command = plan

  assert {
    condition = toset([for rule in aws_security_group_rule.listener : "${rule.to_port} ${one(rule.cidr_blocks)}"]) == toset([
      "443 0.0.0.0/0", "8443 192.0.2.0/24", "8443 198.51.100.7/32",
    ])
    error_message = "A listener is open to another range, or closed to its own."
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

run "a_vpc_by_name" {
  command = plan
  variables {
    place = merge(var.place, { vpc_id = "main" })
  }
  expect_failures = [var.place]
}

run "no_subnets" {
  command = plan
  variables {
    place = merge(var.place, { public_subnets = [] })
  }
  expect_failures = [var.place]
}

run "a_zone_by_name" {
  command = plan
  variables {
    place = merge(var.place, { zone_id = "dev.example.com" })
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

run "no_listeners" {
  command = plan
  variables {
    listeners = {}
  }
  expect_failures = [var.listeners]
}

run "two_listeners_at_one_port" {
  command = plan
  variables {
    listeners = { serve = { port = 8443, cidrs = ["192.0.2.0/24", "198.51.100.7/32"], target = 8443, health = { port = 8080, protocol = "HTTP" } }, gateway = { port = 8443, cidrs = ["0.0.0.0/0"], target = 8443, health = { port = 8443, protocol = "HTTPS" }, certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b" } }
  }
  expect_failures = [var.listeners]
}

run "a_certificate_by_name" {
  command = plan
  variables {
    listeners = { gateway = { port = 443, cidrs = ["0.0.0.0/0"], target = 8443, health = { port = 8443, protocol = "HTTPS" }, certificate_arn = "gateway.dev.example.com" } }
  }
  expect_failures = [var.listeners]
}

run "half_a_port" {
  command = plan
  variables {
    listeners = { serve = { port = 8443, cidrs = ["192.0.2.0/24", "198.51.100.7/32"], target = 8443.5, health = { port = 8080, protocol = "HTTP" } } }
  }
  expect_failures = [var.listeners]
}

run "health_by_a_bare_connection" {
  command = plan
  variables {
    listeners = { serve = { port = 8443, cidrs = ["192.0.2.0/24", "198.51.100.7/32"], target = 8443, health = { port = 8080, protocol = "TCP" } } }
  }
  expect_failures = [var.listeners]
}

run "a_listener_for_no_range" {
  command = plan
  variables {
    listeners = { serve = { port = 8443, cidrs = [], target = 8443, health = { port = 8080, protocol = "HTTP" } } }
  }
  expect_failures = [var.listeners]
}

run "a_range_by_name" {
  command = plan
  variables {
    listeners = { serve = { port = 8443, cidrs = ["office", "198.51.100.7/32"], target = 8443, health = { port = 8080, protocol = "HTTP" } } }
  }
  expect_failures = [var.listeners]
}
