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

  # The organisation comes from TF_CLOUD_ORGANIZATION, the token from `terraform login`; the host is said, as OpenTofu knows none by
  # itself. Runs are to be local, by TF_FORCE_LOCAL_BACKEND=1 and the workspace's setting: a remote one has no credentials of AWS.
  cloud {
    hostname = "app.terraform.io"

    workspaces {
      name = "delegation-prod"
    }
  }
}
