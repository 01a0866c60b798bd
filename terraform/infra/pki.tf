# The certificates of all parts: `gromit pki ensure` issues what is missing and renews what is due, so that an installation gets its first
# ones without a person, and its later ones without a date in somebody's calendar. ECS puts the key of the CA into this one task, and its
# execution role is the only one that may read it.
locals {
  # Those of a part lie in the folder that its access point shows; the others, for people, where pki and the bastion alone see them.
  leaves = merge({
    "serve/serve"           = { role = "server", sans = ["serve.internal", "serve.${local.ground.domain}"] }
    "gateway/gateway-front" = { role = "server", sans = ["gateway.internal", "gateway.${local.ground.domain}"] }
    "gateway/gateway"       = { role = "gateway", sans = [] }
    "worker/worker"         = { role = "worker", sans = [] }
  }, var.leaves)
}

module "pki" {
  source = "../modules/part"

  name           = "pki"
  image          = var.image
  repositories   = local.image_repositories
  command        = concat(["pki", "ensure"], [for name, leaf in local.leaves : "--leaf=${join(",", concat(["${name}=${leaf.role}"], leaf.sans))}"])
  volumes        = local.mounted.certs_kept
  secrets        = { GROMIT_PKI_CA_KEY = local.ground.ca_key_secret_arn }
  environment    = merge({ GROMIT_PKI_DIR = "/certs/pki" }, var.settings)
  place          = local.place
  retention_days = var.alarms.retention_days
}

# Daily; and whenever a task of serve or the gateway has ended, for what it may have missed is its certificate. That is how the first ones
# come to be as soon as the secret has the key, and how they come back if somebody has removed them.
module "pki_schedule" {
  source = "../modules/schedule"

  part  = module.pki.part
  place = local.place
  every = "rate(1 day)"

  on = {
    stopped = jsonencode({
      source      = ["aws.ecs"]
      detail-type = ["ECS Task State Change"]
      detail = {
        clusterArn = [local.ground.cluster_arn]
        group      = ["service:gromit-serve", "service:gromit-gateway"]
        lastStatus = ["STOPPED"]
      }
    })
  }
}
