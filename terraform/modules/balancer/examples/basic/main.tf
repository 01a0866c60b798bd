# TLS passes through to the tasks, which listen on port 8443.
module "balancer" {
  source = "../.."

  name   = "serve"
  health = { port = 8080, protocol = "HTTP" }

  place = {
    vpc_id         = "vpc-0a1b2c3d"
    public_subnets = ["subnet-0a1b2c3d"]
    zone_id        = "Z0A1B2C3D"
    domain         = "dev.example.com"
    tags           = { managed = "example" }
  }
}
