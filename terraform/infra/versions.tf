terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "registry.terraform.io/hashicorp/aws"
      version = ">= 3.39, < 7"
    }
  }

  # The organisation comes from TF_CLOUD_ORGANIZATION, the token from `terraform login`.
  cloud {
    workspaces {
      name = "infra-prod"
    }
  }
}
