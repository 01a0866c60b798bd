# Public: environments are found in it from everywhere. Its name servers become known to the world by terraform/delegation.
resource "aws_route53_zone" "this" {
  name    = var.domain
  comment = "developer environments"
  tags    = local.tags

  # Another zone has other name servers: every delegation would be wrong.
  lifecycle {
    prevent_destroy = true
  }
}
