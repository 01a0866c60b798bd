locals {
  zones  = { for index, letter in var.zones : letter => { name = "${var.region}${letter}", index = index } }
  public = { for letter, zone in local.zones : letter => cidrsubnet(var.cidr, 4, zone.index) }
  # Behind the eight places of public ones, so that neither moves when a zone is added.
  private = { for letter, zone in local.zones : letter => cidrsubnet(var.cidr, 4, 8 + zone.index) }
  first   = var.zones[0]
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:flow logs cost by the GB; whoever has to keep them adds them to the VPC by its id

  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = var.name })
}

# What forgets to name a security group is in this one: nothing comes in and nothing goes out.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-closed" })
}

# No machine gets a public address by itself: Fargate tasks and the bastion ask for theirs.
resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id                  = aws_vpc.this.id
  availability_zone       = local.zones[each.key].name
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-public-${each.key}" })
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id                  = aws_vpc.this.id
  availability_zone       = local.zones[each.key].name
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}
