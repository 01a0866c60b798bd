# The control plane's own cluster. Each environment has a cluster of its own.
resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65:container insights cost by the task, and gromit's own metrics say more

  name = "internal"
  tags = local.tags

  # Container insights cost by the task, and gromit's own metrics say more.
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

# All environments share it: a service `redis.app-test` has the DNS name `redis.app-test.internal`.
resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "internal"
  description = "names of environments and of the control plane"
  vpc         = module.network.vpc_id
  tags        = local.tags
}

# The platform of environments: the fields of gromit.core.stack.contract.Platform.
resource "aws_ssm_parameter" "platform" {
  # checkov:skip=CKV2_AWS_34:it holds plain ids and no secret

  name        = "/gromit/platform"
  description = "what environments are built on: plain ids, no secret"
  type        = "String"
  tags        = local.tags

  value = jsonencode({
    vpc_id             = local.platform.vpc_id
    vpc_cidr           = local.platform.vpc_cidr
    public_subnets     = local.platform.public_subnets
    private_subnets    = local.platform.private_subnets
    namespace_id       = local.platform.namespace_id
    file_system_id     = local.platform.config_file_system_id
    execution_role_arn = local.platform.execution_role_arn
    registry           = local.platform.registry
    region             = local.platform.region
    mongo              = local.platform.mongo
    installation       = local.platform.installation
    exec_role_arn      = local.platform.exec_role_arn
    exec_components    = local.platform.exec_components
  })
}
