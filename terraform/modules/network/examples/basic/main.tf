# Two zones without interface endpoints: the cheapest network.
module "network" {
  source = "../.."

  name      = "example"
  region    = "eu-central-1"
  cidr      = "10.20.0.0/16"
  zones     = ["a", "b"]
  endpoints = []
  tags      = { managed = "example" }
}
