data "aws_caller_identity" "this" {}

# What terraform/infra reads: no root reads another one's state. Plain ids, and no secret.
resource "aws_ssm_parameter" "base" {
  # checkov:skip=CKV2_AWS_34:ids and ARNs alone: whoever reads them needs no right to decrypt
  name        = "/gromit/base"
  description = "What terraform/base has made, for terraform/infra"
  type        = "String"
  tags        = local.tags

  # Of the components' registries alone: neither sow nor environments have business with gromit's own image.
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
  })

  lifecycle {
    precondition {
      condition     = local.parameter_length <= 4096
      error_message = "The catalogue has too many repositories (${length(local.repositories)}): a parameter of SSM holds 4096 characters, /gromit/base would have about ${local.parameter_length}."
    }
  }
}

locals {
  registry = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${var.region}.amazonaws.com"

  # Known in the first plan already, where ids are not yet: what a registry takes is two names and an ARN. All the rest has at most 550
  # characters and the bucket's name.
  registry_arns    = { for repository in keys(local.repositories) : repository => "arn:aws:ecr:${var.region}:${var.account_id}:repository/${repository}" }
  parameter_length = 550 + length(var.state_bucket) + length(jsonencode(local.registry_arns))
}
