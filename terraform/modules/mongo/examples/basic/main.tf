module "mongo" {
  source = "../.."

  name     = "mongo-0"
  ami      = "ami-0a1b2c3d"
  vpc      = { id = "vpc-0a1b", clients = { private-a = "10.20.128.0/20" }, subnet_id = "subnet-0a1b", zone = "eu-central-1a" }
  dns      = { zone_id = "Z0A1B", domain = "dev.example.com" }
  boundary = "arn:aws:iam::123456789012:policy/gromit-boundary"
  tags     = { managed = "example" }
}
