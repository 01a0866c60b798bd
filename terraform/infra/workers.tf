# sow and reap run terraform; chitragupta keeps the public records; doctor looks at everything. Each of them asks serve for its work, and
# none has a right to the table.
locals {
  workers = {
    sow = {
      command = ["sow", "/config"], every = "rate(37 minutes)", watches = true, size = var.worker_size
      volumes = merge(local.mounted.certs.worker, local.mounted.config_kept)
      rights  = [data.aws_iam_policy_document.sow.json]
    }
    reap = {
      command = ["reap", "/config"], every = "rate(1 day)", watches = false, size = var.worker_size
      volumes = merge(local.mounted.certs.worker, local.mounted.config_kept)
      rights  = [data.aws_iam_policy_document.terraform.json, data.aws_iam_policy_document.chitragupta.json]
    }
    chitragupta = {
      command = ["chitragupta", "/config"], every = "rate(13 minutes)", watches = true, size = { cpu = 256, memory = 512 }
      volumes = merge(local.mounted.certs.worker, local.mounted.config) # for the file that suspends all processing
      rights  = [data.aws_iam_policy_document.chitragupta.json]
    }
    doctor = {
      command = ["doctor", "aws"], every = "rate(1 day)", watches = false, size = { cpu = 256, memory = 512 }
      volumes = merge(local.mounted.certs.worker, local.mounted.config)
      rights  = [data.aws_iam_policy_document.doctor.json]
    }
  }

  # What doctor is to find.
  expected = merge({
    GROMIT_DOCTOR_ACCOUNT       = local.ground.account_id
    GROMIT_DOCTOR_REGION        = local.ground.region
    GROMIT_DOCTOR_QUOTA_PERCENT = tostring(var.alarms.quota_percent)
  }, local.ground.key_pair == "" ? {} : { GROMIT_DOCTOR_KEY_PAIR = local.ground.key_pair })

  # Whether the states of base and infra can be read is looked at with a token from a secret that a person has made.
  looks_at_states = var.terraform_cloud.token_secret_arn != ""
  states          = { GROMIT_BASE = "base-prod", GROMIT_INFRA = "infra-prod", TF_CLOUD_ORGANIZATION = var.terraform_cloud.organization }
  for_doctor      = merge(local.expected, local.looks_at_states ? local.states : {})
  doctor_secrets  = { for secret in data.aws_secretsmanager_secret.terraform_cloud : "TF_API_TOKEN" => secret.arn }

  # The one setting `watch`: what can watch is a service then, and has no schedule.
  watching  = { for name, worker in local.workers : name => worker if var.watch && worker.watches }
  scheduled = { for name, worker in local.workers : name => worker if !contains(keys(local.watching), name) }
}

# That the secret is there is seen by the plan, and not by a task that never starts. Its value is not read, so that no state holds it.
data "aws_secretsmanager_secret" "terraform_cloud" {
  for_each = toset(local.looks_at_states ? [var.terraform_cloud.token_secret_arn] : [])

  arn = each.value

  lifecycle {
    postcondition {
      condition     = self.arn == each.value
      error_message = "The ARN of the secret with the token is ${self.arn}, to its end: a right for ${each.value} would not be one for it."
    }
  }
}

module "worker" {
  source   = "../modules/part"
  for_each = local.workers

  name           = each.key
  image          = var.image
  repositories   = local.image_repositories
  command        = concat(each.value.command, contains(keys(local.watching), each.key) ? ["--watch"] : [])
  environment    = merge(local.worker_settings, each.key == "doctor" ? local.for_doctor : {})
  secrets        = each.key == "doctor" ? local.doctor_secrets : {}
  volumes        = each.value.volumes
  rights         = each.value.rights
  size           = each.value.size
  place          = local.place
  retention_days = var.alarms.retention_days
}

module "worker_schedule" {
  source   = "../modules/schedule"
  for_each = local.scheduled

  part  = module.worker[each.key].part
  place = local.place
  every = each.value.every
}

module "worker_service" {
  source   = "../modules/service"
  for_each = local.watching

  part      = module.worker[each.key].part
  place     = local.place
  singleton = true
}
