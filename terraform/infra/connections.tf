# Connections inside the VPC that the control plane needs. Each is a pair of rules: one lets the client out, and one lets it in. Everything
# else is closed: containers of environments have security groups that no rule here names.
locals {
  # Each by its own output: a rule needs the groups, and not the roles and tasks of all workers.
  groups = {
    balancer            = module.balancer.security_group_id
    bastion             = local.platform.bastion_security_group_id
    config              = local.platform.config_security_group_id
    serve               = module.serve.security_group_id
    gateway             = module.gateway.security_group_id
    pki                 = module.pki.security_group_id
    sow                 = module.worker["sow"].security_group_id
    reap                = module.worker["reap"].security_group_id
    chitragupta         = module.worker["chitragupta"].security_group_id
    doctor              = module.worker["doctor"].security_group_id
    doctor-environments = module.worker["doctor-environments"].security_group_id
  }

  connections = merge(
    { for part in concat(["gateway"], keys(local.workers)) : "${part} to serve" => { from = part, to = "serve", port = 8443 } },
    { for part in concat(["serve", "pki"], keys(local.workers)) : "${part} to config" => { from = part, to = "config", port = 2049 } },
    {
      "balancer to gateway"           = { from = "balancer", to = "gateway", port = 8443 }
      "bastion to gateway"            = { from = "bastion", to = "gateway", port = 8443 }
      "bastion to serve"              = { from = "bastion", to = "serve", port = 8443 }
      "bastion to health and metrics" = { from = "bastion", to = "serve", port = 8080 }
    },
    local.has_peers ? { "serve to serve" = { from = "serve", to = "serve", port = 8443 } } : {},
    { for part in local.serve_listener : "balancer to ${part}" => { from = "balancer", to = part, port = 8443 } },
    { for part in local.serve_listener : "balancer to the health of ${part}" => { from = "balancer", to = part, port = 8080 } },
  )
}

# The bastion may connect to anything, by a rule of its own.
resource "aws_security_group_rule" "out" {
  for_each = { for name, connection in local.connections : name => connection if connection.from != "bastion" }

  security_group_id        = local.groups[each.value.from]
  description              = each.key
  type                     = "egress"
  protocol                 = "tcp"
  from_port                = each.value.port
  to_port                  = each.value.port
  source_security_group_id = local.groups[each.value.to]
}

resource "aws_security_group_rule" "in" {
  for_each = local.connections

  security_group_id        = local.groups[each.value.to]
  description              = each.key
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = each.value.port
  to_port                  = each.value.port
  source_security_group_id = local.groups[each.value.from]
}

# Prometheus, where ranges are listed: a rule with a group would need the group in this root.
resource "aws_security_group_rule" "metrics" {
  for_each = var.metrics_cidrs

  security_group_id = module.serve.security_group_id
  description       = "metrics"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 8080
  to_port           = 8080
  cidr_blocks       = [each.value]
}
