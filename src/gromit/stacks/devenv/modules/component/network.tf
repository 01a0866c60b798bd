# With a prefix, because AWS refuses names that begin with `sg-`, and the name of an environment may.
resource "aws_security_group" "this" {
  name        = "gromit--${local.full_name}"
  description = "${var.name} of ${var.env}"
  vpc_id      = var.platform.vpc_id
  tags        = var.tags
}

# The only ingress: the component's port, from the world if it is public, else from the VPC.
resource "aws_security_group_rule" "ingress" {
  for_each = { for port in var.definition.port[*] : "port" => port }

  security_group_id = aws_security_group.this.id
  description       = "${var.name} of ${var.env}"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_blocks       = [var.definition.public ? "0.0.0.0/0" : var.platform.vpc_cidr]
}

# Images, secrets, logs, and any other service that the component talks to.
resource "aws_security_group_rule" "egress" {
  # checkov:skip=CKV_AWS_382:the hosts and ports that a branch talks to are not known in advance

  security_group_id = aws_security_group.this.id
  description       = "anything out"
  type              = "egress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["0.0.0.0/0"]
}

# `redis.app-test` in the namespace `internal` has the DNS name `redis.app-test.internal`.
resource "aws_service_discovery_service" "this" {
  name = "${var.name}.${var.env}"
  tags = var.tags

  dns_config {
    namespace_id   = var.platform.namespace_id
    routing_policy = "MULTIVALUE"

    dns_records {
      ttl  = 10
      type = "A"
    }
  }
}
