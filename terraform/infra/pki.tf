# The certificates of all parts: `gromit pki ensure` issues missing ones and renews those that are due, so neither a new installation
# nor a later renewal needs a person. On a new installation it also marks the volume `config`, without which no worker starts. ECS gives the CA's key to this task only, and only its execution role may read the key.
locals {
  # Certificates of a part are in the folder that its access point shows. Those of people are where only pki and the bastion see them.
  leaves = merge({
    "serve/serve"           = { role = "server", sans = ["serve.internal", "serve.${local.platform.domain}", "localhost"] }
    "gateway/gateway-front" = { role = "server", sans = ["gateway.internal", "gateway.${local.platform.domain}"] }
    "gateway/gateway"       = { role = "gateway", sans = [] }
    "worker/worker"         = { role = "worker", sans = [] }
  }, local.has_peers ? { "serve/serve-peer" = { role = "viewer", sans = [] } } : {}, var.leaves)
}

module "pki" {
  source = "../modules/part"

  name           = "pki"
  image          = var.image
  repositories   = local.image_repositories
  command        = concat(["pki", "ensure", "--new-root", "/config"], [for name, leaf in local.leaves : "--leaf=${join(",", concat(["${name}=${leaf.role}"], leaf.sans))}"])
  volumes        = merge(local.mounted.certs_kept, local.mounted.config_kept)
  secrets        = { GROMIT_PKI_CA_KEY = local.platform.ca_key_secret_arn }
  environment    = merge({ GROMIT_PKI_DIR = "/certs/pki" }, var.settings)
  place          = local.place
  retention_days = var.alarms.retention_days
}

# Daily, and whenever a task of serve or the gateway stops, because its certificate may have been missing. So the first certificates
# are issued as soon as the secret has the key, and deleted ones are issued again.
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
        clusterArn = [local.platform.cluster_arn]
        group      = ["service:gromit-serve", "service:gromit-gateway"]
        lastStatus = ["STOPPED"]
      }
    })
  }
}
