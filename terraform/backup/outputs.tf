output "vault_arn" {
  description = "ARN of the vault to restore from."
  value       = aws_backup_vault.this.arn
}

output "role_arn" {
  description = "ARN of the role for backups and for restore jobs."
  value       = aws_iam_role.backup.arn
}
