# An example: replace the values with your own, without secrets, and run `terraform apply -var-file=prod.tfvars`.
account_id = "123456789012"
region     = "eu-central-1"
domain     = "dev.example.com"

# Its name in tags and DNS records, which tells it apart from other installations.
installation = "example"

bastion = {
  key_pair  = "platform-team"
  ssh_cidrs = ["192.0.2.0/24"]
}

mongo = {
  mongo-0 = { zone = "a", volume_gib = 50 }
}

# The release of the control plane and the receivers of alarms. Workflows identify themselves with
# GitHub's OIDC: list the owner ids whose repositories may report.
image  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/gromit:1.0.0"
alarms = { emails = ["platform@example.com"] }

settings = {
  GROMIT_GATEWAY_OIDC_AUDIENCE = "https://gateway.dev.example.com"
  GROMIT_GATEWAY_OIDC_OWNERS   = "1234567"
}
