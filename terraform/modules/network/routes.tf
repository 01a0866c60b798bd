resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = var.name })
}

# Neither `vpc` nor `domain`: no provider version has both, and an address belongs to a VPC by default. Provider 3 sends an empty domain
# for that, which the emulator accepts, and tags only an address with `vpc`. So a resource of its own sets the tags.
resource "aws_eip" "nat" {
  # checkov:skip=CKV2_AWS_19:it is the address of the NAT gateway

  tags = {}

  depends_on = [aws_internet_gateway.this]

  lifecycle {
    ignore_changes = [tags, tags_all] # set below
  }
}

resource "aws_ec2_tag" "nat" {
  for_each = merge(var.tags, { Name = "${var.name}-nat" })

  resource_id = aws_eip.nat.id
  key         = each.key
  value       = each.value
}

# One for all zones: if its zone fails, private subnets lose the route out, and public ones do not. It costs by the hour and by the GB.
resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[local.first].id
  tags          = merge(var.tags, { Name = var.name })

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-private" })
}

resource "aws_route" "private" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this.id
}

resource "aws_route_table_association" "control" {
  for_each = aws_subnet.control

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}
