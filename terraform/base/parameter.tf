data "aws_caller_identity" "this" {}

# terraform/infra reads this parameter, because no root reads another root's state. It holds plain ids and no secret.
resource "aws_ssm_parameter" "base" {
  # checkov:skip=CKV2_AWS_34:it holds ids and ARNs only, so a reader should need no permission to decrypt
  name        = "/gromit/base"
  description = "What terraform/base has made, for terraform/infra"
  type        = "String"
  tags        = local.tags

  # Without gromit's own registry: neither sow nor environments need its image.
  value = jsonencode({
    config_file_system_id    = module.config.id
    certs_file_system_id     = module.certs.id
    config_access_point_id   = module.config.access_point_id
    certs_access_point_id    = module.certs.access_point_id
    certs_part_access_points = module.certs.folder_access_point_ids
    state_bucket             = aws_s3_bucket.state.id
    registry                 = local.registry
    registries               = { for repository, registry in module.registry : repository => registry.arn }
    ca_key_secret_arn        = aws_secretsmanager_secret.ca_key.arn
    exec_components          = local.exec_components
  })

  lifecycle {
    precondition {
      condition     = local.parameter_length <= 4096
      error_message = "The catalogue has too many repositories (${length(local.repositories)}): an SSM parameter holds 4096 characters, and /gromit/base would have about ${local.parameter_length}."
    }
  }
}

locals {
  registry = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${var.region}.amazonaws.com"

  # An estimate that the first plan knows, in which ids are still unknown. A registry takes two names and an ARN; everything else has
  # at most 570 characters, the bucket's name and those of components.
  registry_arns    = { for repository in keys(local.repositories) : repository => "arn:aws:ecr:${var.region}:${var.account_id}:repository/${repository}" }
  parameter_length = 570 + length(var.state_bucket) + length(jsonencode(local.exec_components)) + length(jsonencode(local.registry_arns))
}
