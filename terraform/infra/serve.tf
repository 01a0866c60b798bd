# The only writer of the table. Only the control plane and the bastion reach it, unless `serve_cidrs` opens a listener of the load
# balancer. TLS passes through that one, so serve itself sees the client's certificate.

locals {
  audit_group = "/gromit-control/serve"

  # A log group is named in both forms: AWS's pages of its actions and of its SDKs do not agree on the one that counts.
  groups_and_streams = {
    for group in [local.audit_group, "/gromit-control/sow", "/gromit-control/reap"] :
    group => ["arn:aws:logs:${local.here}:log-group:${group}", "arn:aws:logs:${local.here}:log-group:${group}:*"]
  }

  # Several tasks follow each other's changes. The name has the addresses of all of them, and each shows a certificate that may only read.
  has_peers = var.serve_tasks > 1
  for_peers = local.has_peers ? {
    GROMIT_SERVE_PEERS = "serve.internal:8443"
    GROMIT_CLIENT_CERT = "/certs/serve-peer.pem"
    GROMIT_CLIENT_KEY  = "/certs/serve-peer-key.pem"
  } : {}
}

data "aws_iam_policy_document" "serve" {
  statement {
    sid       = "Table"
    resources = [local.platform.table_arn, "${local.platform.table_arn}/index/work", "${local.platform.table_arn}/index/life"]

    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DescribeContinuousBackups",
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
      "dynamodb:GetItem",
      "dynamodb:Query",
      "dynamodb:Scan",
      "dynamodb:UpdateItem",
    ]
  }

  statement {
    sid       = "Images"
    actions   = ["ecr:BatchGetImage", "ecr:DescribeImages"]
    resources = values(local.platform.registries)
  }

  # Output of components, for people who use their environment.
  statement {
    sid       = "Output"
    actions   = ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = ["arn:aws:logs:${local.here}:log-group:/gromit/*"]
  }

  # Containers in which people may run programs. ECS opens the session for the person, and serve has no part in it.
  statement {
    sid       = "TaskNames"
    actions   = ["ecs:ListTasks"]
    resources = ["*"] # this action supports no resources of Fargate

    condition {
      test     = "ArnNotEquals"
      variable = "ecs:cluster"
      values   = [local.platform.cluster_arn]
    }
  }

  statement {
    sid       = "Tasks"
    actions   = ["ecs:DescribeTasks"]
    resources = ["arn:aws:ecs:${local.here}:task/*"] # of environments, whose clusters have their names

    condition {
      test     = "ArnNotEquals"
      variable = "ecs:cluster"
      values   = [local.platform.cluster_arn]
    }
  }

  # Output of Terraform in their runs, from the logs of the workers.
  statement {
    sid       = "Runs"
    actions   = ["logs:FilterLogEvents"]
    resources = flatten([for worker in ["sow", "reap"] : local.groups_and_streams["/gromit-control/${worker}"]])
  }

  # Its own lines, in which operators search the audit.
  statement {
    sid       = "Audit"
    actions   = ["logs:FilterLogEvents"]
    resources = local.groups_and_streams[local.audit_group]
  }
}

module "serve" {
  source = "../modules/part"

  name           = "serve"
  image          = var.image
  repositories   = local.image_repositories
  command        = ["serve"]
  volumes        = merge(local.mounted.certs.serve, local.mounted.config) # your own catalogue may be there
  ports          = [8443, 8080]
  policies       = [data.aws_iam_policy_document.serve.json]
  place          = local.place
  size           = var.serve_size
  retention_days = var.alarms.retention_days

  environment = merge({
    GROMIT_SERVE_LISTEN      = "0.0.0.0:8443"
    GROMIT_SERVE_HEALTH      = "0.0.0.0:8080"
    GROMIT_SERVE_CERT        = "/certs/serve.pem"
    GROMIT_SERVE_KEY         = "/certs/serve-key.pem"
    GROMIT_SERVE_DENYLIST    = "/certs/denylist"
    GROMIT_SERVE_PROXIES     = join(",", local.platform.public_cidrs) # of the load balancer
    GROMIT_SERVE_PEOPLE      = var.login.issuer == "" ? "none" : var.login.highest_role
    GROMIT_SERVE_AUDIT_GROUP = local.audit_group
    GROMIT_CLUSTER_DOMAIN    = local.platform.domain
    GROMIT_SOW_OVERDUE       = "${var.alarms.undone_hours}h"
    GROMIT_REAP_OVERDUE      = "${var.alarms.reap_hours}h"
  }, local.for_peers, local.settings)
}

module "serve_service" {
  source = "../modules/service"

  part       = module.serve.part
  tasks      = var.serve_tasks
  place      = local.place
  namespaces = { internal = local.platform.namespace_id }
  targets    = { for part in local.serve_listener : "8443" => module.balancer.target_group_arns[part] }
}
