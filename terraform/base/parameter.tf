data "aws_caller_identity" "this" {}

# What terraform/infra reads: no root reads another one's state. Plain ids, and no secret.
resource "aws_ssm_parameter" "base" {
  name        = "/gromit/base"
  description = "What terraform/base has made, for terraform/infra"
  type        = "String"
  tags        = local.tags

  value = local.told

  lifecycle {
    precondition {
      condition     = length(local.told) <= 4096
      error_message = "What infra is told does not fit into a standard parameter any more: the catalogue has too many repositories."
    }
  }
}

locals {
  registry = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${var.region}.amazonaws.com"

  told = jsonencode({
    config_file_system_id  = aws_efs_file_system.config.id
    certs_file_system_id   = aws_efs_file_system.certs.id
    config_access_point_id = aws_efs_access_point.config.id
    certs_access_point_id  = aws_efs_access_point.certs.id
    state_bucket           = aws_s3_bucket.state.id
    registry               = local.registry
    registries             = { for repository, registry in module.registry : repository => registry.arn }
    ca_key_secret_arn      = aws_secretsmanager_secret.ca_key.arn
  })
}
