output "arn" {
  description = "ARN of the registry."
  value       = aws_ecr_repository.this.arn
}

output "url" {
  description = "URL of the registry, without scheme and tag."
  value       = aws_ecr_repository.this.repository_url
}

output "role_arn" {
  description = "ARN of the role that the repository's workflows assume."
  value       = aws_iam_role.push.arn
}

output "key_secret_arn" {
  description = "ARN of the secret with the user's access key; empty if there is none."
  value       = join("", [for secret in aws_secretsmanager_secret.push : secret.arn])
}
