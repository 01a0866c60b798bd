# By its name, not from infra's state.
data "aws_route53_zone" "this" {
  name = "${var.domain}."

  lifecycle {
    postcondition {
      condition     = length(self.name_servers) > 0
      error_message = "The zone has no name servers: it is not a public one."
    }
  }
}

# One record for each of the zone's name servers: from then on the world asks Route53 for everything in the domain.
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
