# Plans with a mocked provider: where TLS ends, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/gromit-serve/0a1b", dns_name = "example.elb.amazonaws.com", zone_id = "Z0E1F" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/gromit-serve/0a1b" }
  }
}

variables {
  name   = "serve"
  health = { port = 8080, protocol = "HTTP" }

  place = {
    vpc_id         = "vpc-0a1b2c3d"
    public_subnets = ["subnet-0a1b2c3d"]
    zone_id        = "Z0A1B2C3D"
    domain         = "dev.example.com"
    tags           = { managed = "gromit" }
  }
}

run "tls_is_passed_through" {
  command = plan

  assert {
    condition     = aws_lb_listener.this.protocol == "TCP" && aws_lb_target_group.this.protocol == "TCP" && aws_lb_listener.this.certificate_arn == null
    error_message = "The client's certificate does not reach serve."
  }

  assert {
    condition     = output.url == "https://serve.dev.example.com"
    error_message = "Its public name is not the documented one."
  }
}

run "tls_ends_here_and_a_second_one_begins" {
  command = plan
  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b"
    health          = { port = 8443, protocol = "HTTPS" }
  }

  assert {
    condition     = aws_lb_listener.this.protocol == "TLS" && aws_lb_target_group.this.protocol == "TLS"
    error_message = "Tokens are sent in clear."
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

run "a_certificate_by_name" {
  command = plan
  variables {
    certificate_arn = "gateway.dev.example.com"
  }
  expect_failures = [var.certificate_arn]
}

run "half_a_port" {
  command = plan
  variables {
    port = 8443.5
  }
  expect_failures = [var.port]
}

run "health_by_a_bare_connection" {
  command = plan
  variables {
    health = { port = 8443, protocol = "TCP" }
  }
  expect_failures = [var.health]
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
