# Tokens in, our own TLS out. GitHub's runners trust public CAs alone, so that the load balancer shows a certificate of ACM, which AWS
# renews and whose key nobody has. From there TLS goes on to the gateway's own certificate: no token is sent in clear.

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
  tags           = local.ground.tags

  environment = merge({
    GROMIT_GATEWAY_LISTEN = "0.0.0.0:8443"
    GROMIT_GATEWAY_CERT   = "/certs/gateway-front.pem"
    GROMIT_GATEWAY_KEY    = "/certs/gateway-front-key.pem"
    GROMIT_GATEWAY_TOKENS = "/certs/tokens.json"
    GROMIT_CLIENT_CERT    = "/certs/gateway.pem"
    GROMIT_CLIENT_KEY     = "/certs/gateway-key.pem"
  }, local.settings)
}

module "gateway_balancer" {
  source = "../modules/balancer"

  name            = "gateway"
  vpc_id          = local.ground.vpc_id
  subnets         = local.ground.public_subnets
  certificate_arn = local.gateway_certificate_arn
  zone            = { id = local.ground.zone_id, domain = local.ground.domain }
  health          = { port = 8443, protocol = "HTTPS" }
  tags            = local.ground.tags
}

module "gateway_service" {
  source = "../modules/service"

  part            = module.gateway.part
  cluster         = local.ground.cluster_arn
  subnets         = local.ground.private_subnets
  security_groups = [local.ground.mounts_security_group_id]
  namespaces      = { internal = local.ground.namespace_id }
  targets         = { "8443" = module.gateway_balancer.target_group_arn }
  tags            = local.ground.tags
}
