locals {
  base = jsondecode(nonsensitive(data.aws_ssm_parameter.base.value))

  # A base of an earlier release names none.
  exec_components = try(local.base.exec_components, [])

  tags = merge(var.tags, { managed = "gromit" })

  # Values of the boundary of all roles. They are not in `platform`, because that names a role, which has this boundary.
  limits = {
    account_id   = data.aws_caller_identity.this.account_id
    region       = var.region
    cluster_arn  = aws_ecs_cluster.this.arn
    cluster_name = aws_ecs_cluster.this.name
    tags         = local.tags

    exec_components = local.exec_components
  }

  # The platform of the control plane: its files use this object and their own variables, and nothing else.
  platform = {
    vpc_id          = module.network.vpc_id
    vpc_cidr        = var.vpc_cidr
    public_subnets  = values(module.network.public_subnets)
    public_cidrs    = values(module.network.public_cidrs)
    private_subnets = values(module.network.private_subnets)
    control_subnets = values(module.network.control_subnets)

    cluster_arn  = aws_ecs_cluster.this.arn
    cluster_name = aws_ecs_cluster.this.name
    namespace_id = aws_service_discovery_private_dns_namespace.this.id
    zone_id      = aws_route53_zone.this.zone_id
    domain       = var.domain
    installation = var.installation
    mongo        = local.mongo_server
    table_arn    = aws_dynamodb_table.environments.arn
    table_name   = aws_dynamodb_table.environments.name

    config_file_system_id  = local.base.config_file_system_id
    certs_file_system_id   = local.base.certs_file_system_id
    config_access_point_id = local.base.config_access_point_id
    certs_access_point_id  = local.base.certs_access_point_id # the whole volume, for pki and the bastion

    # The folder of each part.
    certs_part_access_points = local.base.certs_part_access_points

    # Clients of the volume `certs` must be in this group.
    mounts_security_group_id = aws_security_group.mounts.id

    bastion_security_group_id = aws_security_group.bastion.id
    config_security_group_id  = aws_security_group.config.id

    state_bucket       = local.base.state_bucket
    registry           = local.base.registry
    registries         = local.base.registries
    ca_key_secret_arn  = local.base.ca_key_secret_arn
    execution_role_arn = aws_iam_role.execution.arn
    exec_role_arn      = aws_iam_role.exec.arn
    exec_components    = local.exec_components

    boundary   = aws_iam_policy.boundary.arn
    key_pair   = var.bastion.key_pair
    region     = var.region
    account_id = data.aws_caller_identity.this.account_id
    tags       = local.tags
  }
}
