locals {
  full_name = "gromit-${var.name}"
  port      = 27017
}

module "host" {
  source = "../host"

  name            = local.full_name
  ami             = var.ami
  instance_type   = var.instance_type
  subnet_id       = var.vpc.subnet_id
  security_groups = [aws_security_group.this.id]
  boundary        = var.boundary
  tags            = var.tags

  user_data = templatefile("${path.module}/files/first-start.sh.tftpl", {
    # Nitro names a volume by its id, whatever device name it was attached with.
    device          = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${replace(aws_ebs_volume.data.id, "-", "")}"
    server          = var.server
    port            = local.port
    format_if_empty = file("${path.module}/files/format-if-empty.sh")
  })
}

# In the public zone although the address is private: environments, the bastion and people behind a tunnel then use one name. Only
# Cloud Map may write the zone of the namespace `internal`. gromit's own records are `<component>.<env>.<domain>`.
resource "aws_route53_record" "this" {
  zone_id = var.dns.zone_id
  name    = "${var.name}.${var.dns.domain}"
  type    = "A"
  ttl     = 60
  records = [module.host.private_ip]
}
