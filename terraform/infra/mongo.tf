module "mongo" {
  source   = "../modules/mongo"
  for_each = var.mongo

  name          = each.key
  ami           = local.ami
  instance_type = each.value.instance_type
  server        = each.value.server
  volume_gib    = each.value.volume_gib
  dns           = { zone_id = aws_route53_zone.this.zone_id, domain = var.domain }
  tags          = local.tags

  vpc = {
    id        = module.network.vpc_id
    cidr      = var.vpc_cidr
    subnet_id = module.network.private_subnets[each.value.zone]
    zone      = "${var.region}${each.value.zone}"
  }
}
