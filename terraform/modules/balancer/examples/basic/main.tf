# TLS passes through to the part, from one range.
module "balancer" {
  source = "../.."

  name = "example"

  listeners = {
    serve = { port = 8443, cidrs = ["192.0.2.0/24"], target = 8443, health = { port = 8080, protocol = "HTTP" } }
  }

  place = {
    vpc_id         = "vpc-0a1b2c3d"
    public_subnets = ["subnet-0a1b2c3d"]
    zone_id        = "Z0A1B2C3D"
    domain         = "dev.example.com"
    tags           = { managed = "example" }
  }
}
