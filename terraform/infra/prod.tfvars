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
