output "vault_arn" {
  description = "ARN of the vault: where a person restores from."
  value       = aws_backup_vault.this.arn
}

output "role_arn" {
  description = "ARN of the role that a person restores with, too."
  value       = aws_iam_role.backup.arn
}
