output "id" {
  description = "Id of the instance. It changes if the instance is replaced."
  value       = aws_instance.this.id
}

output "private_ip" {
  description = "Private address of the instance."
  value       = aws_instance.this.private_ip
}

output "public_ip" {
  description = "Public address of the instance; empty if it has none."
  value       = aws_instance.this.public_ip
}
