output "arn" {
  description = "ARN of the registry."
  value       = aws_ecr_repository.this.arn
}

output "url" {
  description = "URL of the registry, without a scheme or tag."
  value       = aws_ecr_repository.this.repository_url
}

output "role_arn" {
  description = "ARN of the role that workflows of the repository assume."
  value       = aws_iam_role.push.arn
}

output "key_secret_arn" {
  description = "ARN of the secret with the access key of the user; empty if there is no user."
  value       = join("", [for secret in aws_secretsmanager_secret.push : secret.arn])
}
