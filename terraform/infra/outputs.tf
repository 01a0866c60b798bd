output "name_servers" {
  description = "Name servers of the zone: the parent zone must delegate the domain to them."
  value       = aws_route53_zone.this.name_servers
}

output "bastion_id" {
  description = "Instance id of the bastion, for `aws ssm start-session --target`."
  value       = module.bastion.id
}

output "mongo_addresses" {
  description = "Mongo host to the name by which it is reached from the VPC."
  value       = { for name, host in module.mongo : name => host.address }
}

output "nat_address" {
  description = "Public address from which everything private speaks to the internet, for the allow lists of others."
  value       = module.network.nat_address
}
