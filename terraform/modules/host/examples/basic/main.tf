# A machine that only Session Manager reaches.
module "host" {
  source = "../.."

  name            = "example"
  ami             = "ami-0a1b2c3d"
  instance_type   = "t4g.nano"
  subnet_id       = "subnet-0a1b2c3d"
  security_groups = ["sg-0a1b2c3d"]
  user_data       = "#!/bin/bash\n"
  boundary        = "arn:aws:iam::123456789012:policy/gromit-boundary"
  tags            = { managed = "example" }
}
