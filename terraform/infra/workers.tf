# sow and reap run terraform, chitragupta maintains the public records, and the two doctors check the installation and compare its
# environments with what exists. Each asks serve, and none has a permission for the table.
locals {
  workers = {
    sow = {
      command  = ["sow", "/config"], every = "rate(37 minutes)", size = var.worker_size
      volumes  = merge(local.mounted.certs.worker, local.mounted.config_kept)
      policies = [data.aws_iam_policy_document.sow.json]
    }
    reap = {
      command  = ["reap", "/config"], every = "rate(4 hours)", size = var.worker_size
      volumes  = merge(local.mounted.certs.worker, local.mounted.config_kept)
      policies = [data.aws_iam_policy_document.reap.json, data.aws_iam_policy_document.records.json]
    }
    chitragupta = {
      command  = ["chitragupta", "/config"], every = "rate(13 minutes)", size = { cpu = 256, memory = 512 }
      volumes  = merge(local.mounted.certs.worker, local.mounted.config) # for the file that suspends all processing
      policies = [data.aws_iam_policy_document.chitragupta.json]
    }
    doctor = {
      command  = ["doctor", "aws"], every = "rate(1 day)", size = { cpu = 256, memory = 512 }
      volumes  = merge(local.mounted.certs.worker, local.mounted.config)
      policies = [data.aws_iam_policy_document.doctor.json]
    }
    doctor-environments = {
      command  = ["doctor", "environments", "/config"], every = "rate(1 day)", size = { cpu = 256, memory = 512 }
      volumes  = merge(local.mounted.certs.worker, local.mounted.config)
      policies = [data.aws_iam_policy_document.doctor_environments.json]
    }
  }

  # Values that doctor compares with the account.
  expected = merge({
    GROMIT_DOCTOR_ACCOUNT       = local.platform.account_id
    GROMIT_DOCTOR_REGION        = local.platform.region
    GROMIT_DOCTOR_REPORT        = "true"
    GROMIT_DOCTOR_QUOTA_PERCENT = tostring(var.alarms.quota_percent)
  }, local.platform.key_pair == "" ? {} : { GROMIT_DOCTOR_KEY_PAIR = local.platform.key_pair })

  # doctor checks the workspaces of base and infra with a token. A person creates the secret with that token.
  for_doctors     = { doctor = local.for_doctor, doctor-environments = { GROMIT_DOCTOR_REPORT = "true" } }
  looks_at_states = var.terraform_cloud.token_secret_arn != ""
  for_doctor      = merge(local.expected, local.looks_at_states ? local.states : {})
  doctor_secrets  = { for secret in data.aws_secretsmanager_secret.terraform_cloud : "TF_API_TOKEN" => secret.arn }

  states = {
    GROMIT_BASE              = "base-prod"
    GROMIT_INFRA             = "infra-prod"
    GROMIT_DOCTOR_WORKSPACES = join(",", var.terraform_cloud.workspaces)
    TF_CLOUD_ORGANIZATION    = var.terraform_cloud.organization
  }

  # A worker in `watch` is a service and has no schedule.
  watching  = { for name, worker in local.workers : name => worker if contains(var.watch, name) }
  scheduled = { for name, worker in local.workers : name => worker if !contains(var.watch, name) }

  # Events that start a worker besides its schedule. A task of a component has another public address than the task before it, so
  # chitragupta comes when one has started, and when one has stopped. No service of the control plane changes a record.
  on = {
    chitragupta = {
      tasks = jsonencode({
        source      = ["aws.ecs"]
        detail-type = ["ECS Task State Change"]
        detail = {
          clusterArn = [{ anything-but = [local.platform.cluster_arn] }]
          group      = [{ prefix = "service:" }]
          lastStatus = ["RUNNING", "STOPPED"]
        }
      })
    }
  }
}

# A missing secret fails the plan, instead of a task that never starts. The value is not read, so no state holds it.
data "aws_secretsmanager_secret" "terraform_cloud" {
  for_each = toset(local.looks_at_states ? [var.terraform_cloud.token_secret_arn] : [])

  arn = each.value

  lifecycle {
    postcondition {
      condition     = self.arn == each.value
      error_message = "The full ARN of the secret with the token is ${self.arn}: a permission for ${each.value} would not cover it."
    }
  }
}

module "worker" {
  source   = "../modules/part"
  for_each = local.workers

  name         = each.key
  image        = var.image
  repositories = local.image_repositories
  command      = concat(each.value.command, contains(keys(local.watching), each.key) ? ["--watch"] : [])
  environment  = merge(local.worker_settings, lookup(local.for_doctors, each.key, {}))
  secrets      = each.key == "doctor" ? local.doctor_secrets : {}
  volumes      = each.value.volumes
  policies     = each.value.policies

  # sow also keeps the records of the environment that it works on. One policy has no room for all of this.
  managed_policies = each.key == "sow" ? {
    records = data.aws_iam_policy_document.records.json
    sources = data.aws_iam_policy_document.sources.json
  } : {}

  asks_programs  = each.key == "chitragupta"
  size           = each.value.size
  place          = local.place
  retention_days = contains(["sow", "reap"], each.key) ? var.alarms.run_days : var.alarms.retention_days
}

module "worker_schedule" {
  source   = "../modules/schedule"
  for_each = local.scheduled

  part  = module.worker[each.key].part
  place = local.place
  every = each.value.every
  on    = lookup(local.on, each.key, {})
}

module "worker_service" {
  source   = "../modules/service"
  for_each = local.watching

  part      = module.worker[each.key].part
  place     = local.place
  singleton = true
  tasks     = each.key == "sow" ? var.sow_tasks : 1
}
