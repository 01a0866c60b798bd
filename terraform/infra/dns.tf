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
