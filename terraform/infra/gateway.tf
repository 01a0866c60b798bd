# Accepts tokens and calls serve with its own certificate. GitHub's runners trust public CAs only, so the load balancer shows an ACM
# certificate, which AWS renews and whose key never leaves AWS. Behind it, TLS goes on to the gateway's own certificate: no token is
# sent in clear.

locals {
  login_settings = {
    GROMIT_GATEWAY_URL                     = "https://gateway.${local.platform.domain}"
    GROMIT_GATEWAY_LOGIN_ISSUER            = var.login.issuer
    GROMIT_GATEWAY_LOGIN_CLIENT_ID         = var.login.client_id
    GROMIT_GATEWAY_LOGIN_COMMAND_CLIENT_ID = var.login.command_client_id
    GROMIT_GATEWAY_LOGIN_VIEWERS           = join(",", var.login.viewers)
    GROMIT_GATEWAY_LOGIN_DEVELOPERS        = join(",", var.login.developers)
    GROMIT_GATEWAY_LOGIN_OPERATORS         = join(",", var.login.operators)
    GROMIT_GATEWAY_LOGIN_REPOSITORIES      = join(",", var.login.repositories)
  }

  login_secrets = {
    GROMIT_GATEWAY_LOGIN_CLIENT_SECRET = var.login.client_secret_arn
    GROMIT_GATEWAY_LOGIN_KEYS          = var.login.keys_secret_arn
  }
}

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
  secrets        = { for name, arn in local.login_secrets : name => arn if var.login.issuer != "" && arn != "" }

  environment = merge({ for name, value in local.login_settings : name => value if var.login.issuer != "" && value != "" }, {
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
