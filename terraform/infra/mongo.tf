module "mongo" {
  source   = "../modules/mongo"
  for_each = var.mongo

  name          = each.key
  ami           = local.ami
  instance_type = each.value.instance_type
  server        = each.value.server
  volume_gib    = each.value.volume_gib
  boundary      = aws_iam_policy.boundary.arn
  dns           = { zone_id = aws_route53_zone.this.zone_id, domain = var.domain }
  tags          = local.tags

  vpc = {
    id        = module.network.vpc_id
    clients   = module.network.environment_cidrs
    subnet_id = module.network.private_subnets[each.value.zone]
    zone      = "${var.region}${each.value.zone}"
  }
}

locals {
  # The host that environments use, if it is one of these.
  mongo_host = var.mongo_server == "" ? one([for name, host in var.mongo : name if host.environments || length(var.mongo) == 1]) : null
  mongo_name = "mongo.${var.domain}"

  # Host and port for environments, or an empty text.
  mongo_server = local.mongo_host == null ? var.mongo_server : "${local.mongo_name}:27017"
}

# The name that config templates and hooks use. It stays when environments move to another host.
resource "aws_route53_record" "mongo" {
  for_each = toset([for name in local.mongo_host[*] : name if name != "mongo"]) # a host of that name has this record itself

  zone_id = aws_route53_zone.this.zone_id
  name    = local.mongo_name
  type    = "CNAME"
  ttl     = 60
  records = [module.mongo[each.key].address]
}
