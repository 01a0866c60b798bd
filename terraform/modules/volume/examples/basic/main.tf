# Keys of two parts: each role mounts the folder of its part, and no other.
module "volume" {
  source = "../.."

  name    = "keys"
  user    = 1000
  root    = "/keys"
  folders = { serve = "/keys/serve", gateway = "/keys/gateway" }
  tags    = { managed = "example" }
}
