output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "public_subnets" {
  description = "Letter of each zone to the id of its public subnet."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }

  # Resources in these subnets can rely on the route out.
  depends_on = [aws_route.public, aws_route_table_association.public]
}

output "public_cidrs" {
  description = "Letter of each zone to the range of its public subnet."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block }
}

output "control_subnets" {
  description = "Letter of each zone to the id of the control plane's subnet."
  value       = { for zone, subnet in aws_subnet.control : zone => subnet.id }

  depends_on = [aws_route.private, aws_route_table_association.control]
}

output "environment_cidrs" {
  description = "Name of each public and private subnet, for example `public-a`, to its range: environments are there, and the control plane is not."
  value = merge(
    { for zone, subnet in aws_subnet.public : "public-${zone}" => subnet.cidr_block },
    { for zone, subnet in aws_subnet.private : "private-${zone}" => subnet.cidr_block },
  )
}

output "private_subnets" {
  description = "Letter of each zone to the id of its private subnet."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }

  depends_on = [aws_route.private, aws_route_table_association.private]
}

output "nat_address" {
  description = "Public address of the NAT, from which private subnets reach the internet."
  value       = aws_eip.nat.public_ip
}
