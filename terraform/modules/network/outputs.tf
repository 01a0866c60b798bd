output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "public_subnets" {
  description = "Zone's letter to the id of its public subnet."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }

  # Whoever starts something there may count on the way out.
  depends_on = [aws_route.public, aws_route_table_association.public]
}

output "private_subnets" {
  description = "Zone's letter to the id of its private subnet."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }

  depends_on = [aws_route.private, aws_route_table_association.private]
}

output "nat_address" {
  description = "Public address from which everything private speaks to the internet."
  value       = aws_eip.nat.public_ip
}
