locals {
  name = "gromit-${var.name}"

  # With a certificate TLS ends here, and a second TLS connection goes on to the task: nothing is sent in clear inside the VPC.
  protocol = var.certificate_arn == "" ? "TCP" : "TLS"
}

# Open to the world on one port. The parts behind it admit clients by certificate or token.
resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91:the part behind it logs each request and its caller, whose address the PROXY protocol says
  # checkov:skip=CKV_AWS_150:it holds no data, and its DNS name follows it if it is created again
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
  proxy_protocol_v2    = true # else the part would see the balancer's address as everyone's
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

# Without tags: provider 3.39 supports none on a listener.
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
