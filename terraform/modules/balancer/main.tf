locals {
  name = "gromit-${var.name}"

  # With a certificate TLS ends here, and a second TLS connection goes on to the task: nothing is sent in clear inside the VPC.
  protocols = { for part, listener in var.listeners : part => listener.certificate_arn == "" ? "TCP" : "TLS" }

  admitted = merge([
    for part, listener in var.listeners : { for range in listener.cidrs : "${part} from ${range}" => { port = listener.port, range = range } }
  ]...)
}

# It has a public address, and its security group decides who reaches which listener. The parts behind it admit clients by certificate
# or token.
resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91:the part behind it logs each request and its caller, whose address the PROXY protocol says
  # checkov:skip=CKV_AWS_150:it holds no data, and its DNS name follows it if it is created again
  name                             = local.name
  load_balancer_type               = "network"
  internal                         = false
  subnets                          = var.place.public_subnets
  security_groups                  = [aws_security_group.this.id] # from the beginning: AWS adds none to a load balancer without any
  enable_cross_zone_load_balancing = true                         # one task serves all zones
  tags                             = var.place.tags
}

resource "aws_security_group" "this" {
  name        = "${local.name}-balancer"
  description = "load balancer ${local.name}"
  vpc_id      = var.place.vpc_id
  tags        = merge(var.place.tags, { Name = "${local.name}-balancer" })
}

resource "aws_security_group_rule" "listener" {
  for_each = local.admitted

  security_group_id = aws_security_group.this.id
  description       = each.key
  type              = "ingress"
  protocol          = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_blocks       = [each.value.range]
}

resource "aws_lb_target_group" "this" {
  for_each = var.listeners

  name                 = "gromit-${each.key}"
  vpc_id               = var.place.vpc_id
  target_type          = "ip"
  protocol             = local.protocols[each.key]
  port                 = each.value.target
  deregistration_delay = 30
  proxy_protocol_v2    = true # else the part would see the balancer's address as everyone's
  tags                 = var.place.tags

  health_check {
    protocol            = each.value.health.protocol
    port                = each.value.health.port
    path                = "/healthcheck"
    interval            = 10
    healthy_threshold   = 3
    unhealthy_threshold = 3
  }
}

# Without tags: provider 3.39 supports none on a listener.
resource "aws_lb_listener" "this" {
  # checkov:skip=CKV_AWS_2:a listener without a certificate passes TLS through, and the part behind it accepts nothing else
  # checkov:skip=CKV_AWS_103:the policy begins with TLS 1.2, and without a certificate the part behind it requires its own version
  for_each = var.listeners

  load_balancer_arn = aws_lb.this.arn
  port              = each.value.port
  protocol          = local.protocols[each.key]
  certificate_arn   = each.value.certificate_arn == "" ? null : each.value.certificate_arn
  ssl_policy        = each.value.certificate_arn == "" ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

resource "aws_route53_record" "this" {
  for_each = var.listeners

  zone_id = var.place.zone_id
  name    = "${each.key}.${var.place.domain}"
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
