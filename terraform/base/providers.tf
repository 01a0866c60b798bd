# Each resource gets its tags as an argument: default_tags behaves differently in the provider versions that we allow.
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}
