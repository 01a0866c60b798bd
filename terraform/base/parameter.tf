data "aws_caller_identity" "this" {}

# What terraform/infra reads: no root reads another one's state. Plain ids, and no secret.
resource "aws_ssm_parameter" "base" {
  # checkov:skip=CKV2_AWS_34:ids and ARNs alone: whoever reads them needs no right to decrypt
  name        = "/gromit/base"
  description = "What terraform/base has made, for terraform/infra"
  type        = "String"
  tags        = local.tags

  value = jsonencode({
    config_file_system_id    = aws_efs_file_system.config.id
    certs_file_system_id     = aws_efs_file_system.certs.id
    config_access_point_id   = aws_efs_access_point.config.id
    certs_access_point_id    = aws_efs_access_point.certs.id
    certs_part_access_points = { for name, part in aws_efs_access_point.part : name => part.id }
    state_bucket             = aws_s3_bucket.state.id
    registry                 = local.registry
    registries               = { for repository, registry in module.registry : repository => registry.arn }
    ca_key_secret_arn        = aws_secretsmanager_secret.ca_key.arn
  })
}

locals {
  registry = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${var.region}.amazonaws.com"
}
