terraform {
  # Lock files in S3 came with Terraform 1.11 and OpenTofu 1.10, and OpenTofu measures itself by this line too: gromit
  # asks the program which of the two it is, and refuses an older one of either kind.
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "registry.terraform.io/hashicorp/aws"
      version = ">= 3.39, < 7"
    }
  }

  # Bucket and region come with -backend-config. Whoever runs terraform by hand is kept out by the lock file; gromit's
  # workers hold that very lock themselves and say use_lockfile = false.
  backend "s3" {
    key          = "devenv"
    use_lockfile = true
  }
}
