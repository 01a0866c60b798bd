# Looked up by name, not read from infra's state.
data "aws_route53_zone" "this" {
  name = "${var.domain}."

  lifecycle {
    postcondition {
      condition     = length(self.name_servers) > 0
      error_message = "The zone has no name servers: it is not public."
    }
  }
}

# One record for each name server of the zone. With them, resolvers ask Route53 for every name in the domain.
resource "cloudflare_dns_record" "this" {
  for_each = toset(data.aws_route53_zone.this.name_servers)

  zone_id = var.cloudflare_zone_id
  name    = var.domain
  type    = "NS"
  content = trimsuffix(each.value, ".")
  ttl     = 3600
  proxied = false
  comment = "developer environments (gromit)"
}
