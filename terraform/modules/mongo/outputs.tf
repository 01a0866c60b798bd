output "address" {
  description = "Name by which the server is reached from the VPC."
  value       = aws_route53_record.this.name
}

output "volume_id" {
  description = "Id of the data volume: the same one for as long as the data live."
  value       = aws_ebs_volume.data.id
}

output "instance_id" {
  description = "Id of the instance: of another one after it was replaced."
  value       = module.host.id
}
