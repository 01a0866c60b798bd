output "address" {
  description = "DNS name of the server, for clients in the VPC."
  value       = aws_route53_record.this.name
}

output "volume_id" {
  description = "Id of the data volume. It stays when the host is replaced."
  value       = aws_ebs_volume.data.id
}

output "instance_id" {
  description = "Id of the instance. It changes if the instance is replaced."
  value       = module.host.id
}
