# The gateway's certificate for GitHub's runners, which trust public CAs only. ACM renews it while its validation record exists.
locals {
  own_certificate         = var.gateway_certificate_arn == "" ? toset(["gateway.${local.platform.domain}"]) : toset([])
  gateway_certificate_arn = var.gateway_certificate_arn == "" ? one(values(aws_acm_certificate_validation.gateway)).certificate_arn : var.gateway_certificate_arn
}

resource "aws_acm_certificate" "gateway" {
  for_each = local.own_certificate

  domain_name       = each.value
  validation_method = "DNS"
  tags              = local.platform.tags

  # The load balancer shows the old certificate until the new one is validated.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  for_each = local.own_certificate

  zone_id         = local.platform.zone_id
  name            = one(aws_acm_certificate.gateway[each.value].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.gateway[each.value].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.gateway[each.value].domain_validation_options).resource_record_value]
  ttl             = 300
  allow_overwrite = true # a certificate for the same name has the same validation record
}

# Waits until ACM has validated the certificate. The zone must be delegated by then.
resource "aws_acm_certificate_validation" "gateway" {
  for_each = local.own_certificate

  certificate_arn         = aws_acm_certificate.gateway[each.value].arn
  validation_record_fqdns = [aws_route53_record.proof[each.value].fqdn]
}
