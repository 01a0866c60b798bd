# Treat outputs as public: they are ids, names and ARNs, and no credentials.
locals {
  all_registries = merge(module.registry, { (local.own) = module.own_registry })
}

output "region" {
  description = "Region of the registries, for the login of workflows."
  value       = var.region
}

output "registries" {
  description = "Repository, gromit's own included, to the URL of the registry that its workflows push to."
  value       = { for repository, registry in local.all_registries : repository => registry.url }
}

output "push_roles" {
  description = "Repository to the ARN of the role that its workflows assume with GitHub's OIDC token, the preferred way to push."
  value       = { for repository, registry in local.all_registries : repository => registry.role_arn }
}

output "push_key_secrets" {
  description = "Repository with an access key to the ARN of the Secrets Manager secret with that key."

  value = {
    for repository, registry in module.registry : repository => registry.key_secret_arn if contains(var.push_keys, repository)
  }
}

output "state_bucket" {
  description = "Name of the bucket for the states of environments, which is gromit's setting `state.bucket`."
  value       = aws_s3_bucket.state.id
}

output "ca_key_secret" {
  description = "ARN of the secret for the CA's key, whose value you add manually."
  value       = aws_secretsmanager_secret.ca_key.arn
}
