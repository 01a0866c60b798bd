provider "aws" {
  region = var.ground.region
}
