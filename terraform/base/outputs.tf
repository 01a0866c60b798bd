# Outputs are as good as public: ids, names and ARNs, and nothing that opens anything.
locals {
  all_registries = merge(module.registry, { (local.own) = module.own_registry })
}

output "region" {
  description = "Region of the registries: what a workflow logs in to."
  value       = var.region
}

output "registries" {
  description = "Repository, gromit's own too, to the URL of its registry: where its workflow pushes."
  value       = { for repository, registry in local.all_registries : repository => registry.url }
}

output "push_roles" {
  description = "Repository to the ARN of the role that its workflow assumes by GitHub's OIDC: the preferred way to push."
  value       = { for repository, registry in local.all_registries : repository => registry.role_arn }
}

output "push_key_secrets" {
  description = "Repository to the ARN of the Secrets Manager secret that holds its access key; without those that have none."

  value = {
    for repository, registry in module.registry : repository => registry.key_secret_arn if !contains(var.keyless, repository)
  }
}

output "state_bucket" {
  description = "Name of the bucket for the states of environments: gromit's setting `state.bucket`."
  value       = aws_s3_bucket.state.id
}

output "ca_key_secret" {
  description = "ARN of the secret that the CA's key is put in by hand."
  value       = aws_secretsmanager_secret.ca_key.arn
}
