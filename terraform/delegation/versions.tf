terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "registry.terraform.io/hashicorp/aws"
      version = ">= 3.39, < 7"
    }

    cloudflare = {
      source  = "registry.terraform.io/cloudflare/cloudflare"
      version = ">= 5, < 6"
    }
  }

  # The organisation comes from TF_CLOUD_ORGANIZATION, the token from `terraform login`. The host is written out, because OpenTofu has
  # no default for it. Runs must be local, by TF_FORCE_LOCAL_BACKEND=1 and the workspace's setting: a remote run has no AWS credentials.
  cloud {
    hostname = "app.terraform.io"

    workspaces {
      name = "delegation-prod"
    }
  }
}
