# Mount targets in this network for the volumes of terraform/base.

# Members of this group may mount `certs`: the parts of the control plane and the bastion.
resource "aws_security_group" "mounts" {
  name        = "gromit-mounts"
  description = "may mount the volume certs"
  vpc_id      = module.network.vpc_id
  tags        = merge(local.tags, { Name = "gromit-mounts" })
}

resource "aws_security_group_rule" "mounts" {
  security_group_id        = aws_security_group.mounts.id
  description              = "NFS to certs"
  type                     = "egress"
  protocol                 = "tcp"
  from_port                = 2049
  to_port                  = 2049
  source_security_group_id = aws_security_group.certs.id
}

resource "aws_security_group" "certs" {
  name        = "gromit-certs"
  description = "mount targets of the volume certs"
  vpc_id      = module.network.vpc_id
  tags        = merge(local.tags, { Name = "gromit-certs" })
}

resource "aws_security_group_rule" "certs" {
  security_group_id        = aws_security_group.certs.id
  description              = "NFS from the control plane and the bastion"
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 2049
  to_port                  = 2049
  source_security_group_id = aws_security_group.mounts.id
}

resource "aws_security_group" "config" {
  name        = "gromit-config"
  description = "mount targets of the volume config"
  vpc_id      = module.network.vpc_id
  tags        = merge(local.tags, { Name = "gromit-config" })
}

# Open to the subnets of environments, whose components mount their folder, each with a security group of its own. Access points limit
# what they see. connections.tf admits the parts of the control plane.
resource "aws_security_group_rule" "config" {
  for_each = module.network.environment_cidrs

  security_group_id = aws_security_group.config.id
  description       = "NFS from ${each.key}"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 2049
  to_port           = 2049
  cidr_blocks       = [each.value]
}

resource "aws_efs_mount_target" "config" {
  for_each = module.network.private_subnets

  file_system_id  = local.base.config_file_system_id
  subnet_id       = each.value
  security_groups = [aws_security_group.config.id]
}

resource "aws_efs_mount_target" "certs" {
  for_each = module.network.private_subnets

  file_system_id  = local.base.certs_file_system_id
  subnet_id       = each.value
  security_groups = [aws_security_group.certs.id]
}
