# An example: replace the values with your own, without secrets, and run `terraform apply -var-file=prod.tfvars`.
account_id      = "123456789012"
region          = "eu-central-1"
organization    = "example"
organization_id = "1234567"
state_bucket    = "example-terraform-state-dev"
