locals {
  name = "gromit-${var.name}"

  # With a certificate TLS ends here, and a TLS of its own goes on to the task, so that nothing is sent in clear inside the VPC either.
  protocol = var.certificate_arn == "" ? "TCP" : "TLS"
}

# Open to the world on its one port: who may come in is decided by certificates or tokens behind it.
resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91:what stands behind it logs each request, and who made it
  # checkov:skip=CKV_AWS_150:it holds nothing, and is found by a name that follows it when it is made anew
  name                             = local.name
  load_balancer_type               = "network"
  internal                         = false
  subnets                          = var.place.public_subnets
  enable_cross_zone_load_balancing = true # one task serves all zones
  tags                             = var.place.tags
}

resource "aws_lb_target_group" "this" {
  name                 = local.name
  vpc_id               = var.place.vpc_id
  target_type          = "ip"
  protocol             = local.protocol
  port                 = var.port
  deregistration_delay = 30
  tags                 = var.place.tags

  health_check {
    protocol            = var.health.protocol
    port                = var.health.port
    path                = "/healthcheck"
    interval            = 10
    healthy_threshold   = 3
    unhealthy_threshold = 3
  }
}

# Without tags: provider 3.39 knows none of a listener.
resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = local.protocol
  certificate_arn   = var.certificate_arn == "" ? null : var.certificate_arn
  ssl_policy        = var.certificate_arn == "" ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_route53_record" "this" {
  zone_id = var.place.zone_id
  name    = "${var.name}.${var.place.domain}"
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
