# A public zone: everyone can look up environments in it. terraform/delegation publishes its name servers in the parent zone.
resource "aws_route53_zone" "this" {
  # checkov:skip=CKV2_AWS_38:signing needs a record in the parent zone for each change of the key, and environments live for days
  # checkov:skip=CKV2_AWS_39:lookups of environments are private, and their logs cost by the query

  name    = var.domain
  comment = "developer environments"
  tags    = local.tags

  # A new zone would have other name servers, and every delegation would be wrong.
  lifecycle {
    prevent_destroy = true
  }
}

# Resolvers remember for a minute at most that a name is missing: the smaller of this TTL and the last number. Route53's own record says
# 15 minutes: the wait of a person who opened an environment's URL before its name existed.
resource "aws_route53_record" "authority" {
  zone_id         = aws_route53_zone.this.zone_id
  name            = var.domain
  type            = "SOA"
  ttl             = 60
  records         = ["${aws_route53_zone.this.name_servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 60"]
  allow_overwrite = true # Route53 creates this record with the zone
}

# Only these authorities may give certificates for the domain and every name below it, and none a wildcard. Authorities look for the
# nearest record above a name, so one record covers all environments.
resource "aws_route53_record" "authorities" {
  for_each = toset(length(var.certificate_authorities) > 0 ? [var.domain] : [])

  zone_id = aws_route53_zone.this.zone_id
  name    = each.value
  type    = "CAA"
  ttl     = 300
  records = concat([for name in var.certificate_authorities : "0 issue \"${name}\""], ["0 issuewild \";\""])
}
