# An example: put your own values here, and no secret. `terraform apply -var-file=prod.tfvars`
account_id = "123456789012"
region     = "eu-central-1"
domain     = "dev.example.com"

bastion = {
  key_pair  = "platform-team"
  ssh_cidrs = ["192.0.2.0/24"]
}

mongo = {
  mongo-0 = { zone = "a", volume_gib = 50 }
}

# The control plane: which release runs, and who is told of alarms. The certificate of the gateway is given apart, as nobody can make up
# its ARN: -var gateway_certificate_arn=arn:aws:acm:…
image  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/gromit:1.0.0"
alarms = { emails = ["platform@example.com"] }
