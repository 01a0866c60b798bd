module "network" {
  source = "../modules/network"

  name      = "gromit"
  region    = var.region
  cidr      = var.vpc_cidr
  zones     = var.zones
  endpoints = var.endpoints
  tags      = local.tags
}
