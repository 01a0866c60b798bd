output "id" {
  description = "Id of the instance: of another one after it was replaced."
  value       = aws_instance.this.id
}

output "private_ip" {
  description = "Its address inside the VPC."
  value       = aws_instance.this.private_ip
}

output "public_ip" {
  description = "Its public address; empty if it has none."
  value       = aws_instance.this.public_ip
}
