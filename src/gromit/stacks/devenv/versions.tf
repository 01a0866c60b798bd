terraform {
  # Locks in S3 came with Terraform 1.11 and OpenTofu 1.10, and this line applies to both programs. gromit asks which of the two runs,
  # and refuses older versions of either.
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "registry.terraform.io/hashicorp/aws"
      version = ">= 3.39, < 7"
    }
  }

  # The bucket and the region come with -backend-config. The lock file keeps out a person who runs terraform; gromit's workers hold
  # that lock themselves and set use_lockfile = false.
  backend "s3" {
    key          = "devenv"
    use_lockfile = true
  }
}
