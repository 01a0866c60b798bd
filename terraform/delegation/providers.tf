provider "aws" {
  region = var.region
}

provider "cloudflare" {
  api_token = var.cloudflare_token
}
