locals {
  # sow, reap, chitragupta and the doctors share one certificate: serve knows each of them as `worker`.
  parts = toset(["serve", "gateway", "worker"])
}

# The config tree of all environments. The bastion, sow and reap write as root, because the root folder of a new volume is root's. An
# environment reads its own folders as the user 65534, through access points of its own.
module "config" {
  source = "../modules/volume"

  name            = "config"
  user            = 0
  readable_by_all = true
  tags            = local.tags
}

# Certificates, private keys and the gateway's token file, in a folder of the image's user. pki and the bastion see all of it; each part
# sees the folder with its own keys, which pki makes.
module "certs" {
  source = "../modules/volume"

  name    = "certs"
  user    = 1000
  root    = "/gromit"
  folders = { for part in local.parts : part => "/gromit/pki/${part}" }
  tags    = local.tags
}
