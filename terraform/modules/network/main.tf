locals {
  zones  = { for index, letter in var.zones : letter => { name = "${var.region}${letter}", index = index } }
  public = { for letter, zone in local.zones : letter => cidrsubnet(var.cidr, 4, zone.index) }
  # After the eight places of public subnets, so that an added zone moves none of them.
  private = { for letter, zone in local.zones : letter => cidrsubnet(var.cidr, 4, 8 + zone.index) }
  # In the last place of public subnets, which no region has a zone for: an eighth of it each.
  control = { for letter, zone in local.zones : letter => cidrsubnet(var.cidr, 7, 56 + zone.index) }
  first   = var.zones[0]
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:flow logs cost by the GB; if you need them, add them to the VPC by its id

  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = var.name })
}

# An interface without a security group gets this one: nothing comes in and nothing goes out.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-closed" })
}

# No machine gets a public address by default: Fargate tasks and the bastion ask for one.
resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id                  = aws_vpc.this.id
  availability_zone       = local.zones[each.key].name
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-public-${each.key}" })
}

# The control plane's own, so that a rule for the ranges of environments does not admit it. It goes out as private subnets do.
resource "aws_subnet" "control" {
  for_each = local.control

  vpc_id                  = aws_vpc.this.id
  availability_zone       = local.zones[each.key].name
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-control-${each.key}" })
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id                  = aws_vpc.this.id
  availability_zone       = local.zones[each.key].name
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}
