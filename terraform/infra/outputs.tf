output "name_servers" {
  description = "Name servers of the zone, which the parent zone must delegate the domain to."
  value       = aws_route53_zone.this.name_servers
}

output "bastion_id" {
  description = "Instance id of the bastion, for `aws ssm start-session --target`."
  value       = module.bastion.id
}

output "bastion_name" {
  description = "DNS name of the bastion, for ssh if ranges are listed."
  value       = aws_route53_record.bastion.name
}

output "mongo_addresses" {
  description = "Mongo host to its DNS name, for clients in the VPC."
  value       = { for name, host in module.mongo : name => host.address }
}

output "nat_address" {
  description = "Public address of the NAT, for allow lists of other systems."
  value       = module.network.nat_address
}
