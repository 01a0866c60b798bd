# Accepts tokens and calls serve with its own certificate. GitHub's runners trust public CAs only, so the load balancer shows an ACM
# certificate, which AWS renews and whose key never leaves AWS. Behind it, TLS goes on to the gateway's own certificate: no token is
# sent in clear.

module "gateway" {
  source = "../modules/part"

  name           = "gateway"
  image          = var.image
  repositories   = local.image_repositories
  command        = ["gateway"]
  volumes        = local.mounted.certs.gateway
  ports          = [8443]
  place          = local.place
  retention_days = var.alarms.retention_days

  environment = merge({
    GROMIT_GATEWAY_LISTEN  = "0.0.0.0:8443"
    GROMIT_GATEWAY_CERT    = "/certs/gateway-front.pem"
    GROMIT_GATEWAY_KEY     = "/certs/gateway-front-key.pem"
    GROMIT_GATEWAY_TOKENS  = "/certs/tokens.json"
    GROMIT_GATEWAY_PROXIES = join(",", local.platform.public_cidrs) # of the load balancer
    GROMIT_CLIENT_CERT     = "/certs/gateway.pem"
    GROMIT_CLIENT_KEY      = "/certs/gateway-key.pem"
  }, local.settings)
}

module "gateway_service" {
  source = "../modules/service"

  part       = module.gateway.part
  place      = local.place
  namespaces = { internal = local.platform.namespace_id }
  targets    = { "8443" = module.balancer.target_group_arns["gateway"] }
}
