# Public: environments are found in it from everywhere. Its name servers become known to the world by terraform/delegation.
resource "aws_route53_zone" "this" {
  # checkov:skip=CKV2_AWS_38:signing needs a record at the parent for each change of the key, and names of environments live for days
  # checkov:skip=CKV2_AWS_39:who asks for an environment's name is nobody's business, and logs of it cost by the query

  name    = var.domain
  comment = "developer environments"
  tags    = local.tags

  # Another zone has other name servers: every delegation would be wrong.
  lifecycle {
    prevent_destroy = true
  }
}
