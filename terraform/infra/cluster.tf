# The control plane's own cluster; each environment makes one for itself.
resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65:container insights cost by the task, and gromit reports more of itself

  name = "internal"
  tags = local.tags

  # Its metrics cost by the task: what gromit reports of itself says more.
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

# One for all: a service `redis.app-test` in it answers as `redis.app-test.internal`.
resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "internal"
  description = "names of environments and of the control plane"
  vpc         = module.network.vpc_id
  tags        = local.tags
}

# What environments are built on: the fields of gromit.core.stack.contract.Platform.
resource "aws_ssm_parameter" "platform" {
  # checkov:skip=CKV2_AWS_34:it holds plain ids and no secret

  name        = "/gromit/platform"
  description = "what environments are built on: plain ids, no secret"
  type        = "String"
  tags        = local.tags

  value = jsonencode({
    vpc_id             = local.ground.vpc_id
    vpc_cidr           = local.ground.vpc_cidr
    public_subnets     = local.ground.public_subnets
    private_subnets    = local.ground.private_subnets
    namespace_id       = local.ground.namespace_id
    file_system_id     = local.ground.config_file_system_id
    execution_role_arn = local.ground.execution_role_arn
    registry           = local.ground.registry
    region             = local.ground.region
  })
}
