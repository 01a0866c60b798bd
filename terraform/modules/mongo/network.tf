resource "aws_security_group" "this" {
  name        = local.full_name
  description = "Mongo host ${var.name}"
  vpc_id      = var.vpc.id
  tags        = merge(var.tags, { Name = local.full_name })
}

resource "aws_security_group_rule" "server" {
  for_each = { for pair in setproduct(["ingress", "egress"], keys(var.vpc.clients)) : join("-", pair) => pair } # members talk to each other

  security_group_id = aws_security_group.this.id
  description       = "Mongo, ${each.value[1]}"
  type              = each.value[0]
  protocol          = "tcp"
  from_port         = local.port
  to_port           = local.port
  cidr_blocks       = [var.vpc.clients[each.value[1]]]
}

resource "aws_security_group_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "packages, images and Session Manager"
  type              = "egress"
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = ["0.0.0.0/0"]
}
