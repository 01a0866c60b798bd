# One load balancer for both parts that people and workflows reach from outside. The gateway's listener is open to the internet, because
# GitHub's runners have no fixed addresses. serve has a listener only for the ranges in `serve_cidrs`.
locals {
  serve_listener = toset(length(var.serve_cidrs) > 0 ? ["serve"] : [])
}

module "balancer" {
  source = "../modules/balancer"

  name  = "control"
  place = local.place

  listeners = merge({
    gateway = { port = 443, cidrs = ["0.0.0.0/0"], target = 8443, health = { port = 8443, protocol = "HTTPS" }, certificate_arn = local.gateway_certificate_arn }
    }, {
    for part in local.serve_listener : part => { port = 8443, cidrs = var.serve_cidrs, target = 8443, health = { port = 8080, protocol = "HTTP" }, certificate_arn = "" }
  })
}
