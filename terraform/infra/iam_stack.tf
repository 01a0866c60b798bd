# The stack's services: clusters, task definitions, services, their names and their logs.
data "aws_iam_policy_document" "stack" {
  source_policy_documents = [data.aws_iam_policy_document.network.json]

  # Our own cluster bears no tag `env`; it is refused by name, too.
  statement {
    sid       = "NotOurs"
    effect    = "Deny"
    actions   = ["ecs:CreateService", "ecs:DeleteCluster", "ecs:DeleteService", "ecs:RunTask", "ecs:StopTask", "ecs:UpdateService"]
    resources = [local.ground.cluster_arn, "arn:aws:ecs:${local.here}:service/${local.ground.cluster_name}/*"]
  }

  statement {
    sid       = "ClustersBorn"
    actions   = ["ecs:CreateCluster", "ecs:RegisterTaskDefinition"]
    resources = ["*"] # what is not there yet: both are told apart by the tags that they are to have

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }

  statement {
    sid       = "Look"
    actions   = ["ecs:DescribeTaskDefinition", "ecs:ListServices", "ecs:ListTasks", "logs:DescribeLogGroups"]
    resources = ["*"] # these actions know no resources, or none that could be named
  }

  statement {
    sid     = "LookAt"
    actions = ["ecs:DescribeClusters", "ecs:DescribeServices", "ecs:DescribeTasks", "ecs:ListTagsForResource"]

    # Environments call their clusters like themselves; to look at ours shows whose lock a left-behind one is.
    resources = [for kind in ["cluster", "service", "task", "task-definition"] : "arn:aws:ecs:${local.here}:${kind}/*"]
  }

  statement {
    sid       = "Deregister"
    actions   = ["ecs:DeregisterTaskDefinition"]
    resources = ["*"] # this action knows no resources; who runs on such a revision runs on
  }

  statement {
    sid       = "ServicesBorn"
    actions   = ["ecs:CreateService"]
    resources = ["arn:aws:ecs:${local.here}:service/*"] # named after environments that are not there yet

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }

  # While they are made, and on what environments have already.
  statement {
    sid       = "Tag"
    actions   = ["ecs:TagResource"]
    resources = [for kind in ["cluster", "service", "task-definition"] : "arn:aws:ecs:${local.here}:${kind}/*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["CreateCluster", "CreateService", "RegisterTaskDefinition"]
    }
  }

  statement {
    sid       = "Services"
    actions   = ["ecs:DeleteCluster", "ecs:DeleteService", "ecs:TagResource", "ecs:UntagResource", "ecs:UpdateService"]
    resources = [for kind in ["cluster", "service", "task-definition"] : "arn:aws:ecs:${local.here}:${kind}/*"] # by their tag

    condition {
      test     = local.ours.test
      variable = local.ours.variable
      values   = local.ours.values
    }
  }

  statement {
    sid       = "NamesLook"
    actions   = ["servicediscovery:GetService", "servicediscovery:ListTagsForResource"]
    resources = ["arn:aws:servicediscovery:${local.here}:service/*"] # to look
  }

  statement {
    sid       = "NamesTagged"
    actions   = ["servicediscovery:TagResource"]
    resources = ["arn:aws:servicediscovery:${local.here}:service/*"] # one that is not there yet has no id

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }

  statement {
    sid       = "Names"
    actions   = ["servicediscovery:DeleteService", "servicediscovery:UntagResource", "servicediscovery:UpdateService"]
    resources = ["arn:aws:servicediscovery:${local.here}:service/*"] # those of environments, by their tag

    condition {
      test     = local.ours.test
      variable = local.ours.variable
      values   = local.ours.values
    }
  }

  # The control plane's own logs are elsewhere: /gromit-control/.
  statement {
    sid       = "Logs"
    resources = ["arn:aws:logs:${local.here}:log-group:/gromit/*"]

    actions = [
      "logs:CreateLogGroup",
      "logs:DeleteLogGroup",
      "logs:ListTagsForResource",
      "logs:ListTagsLogGroup",
      "logs:PutRetentionPolicy",
      "logs:TagLogGroup",
      "logs:TagResource",
      "logs:UntagLogGroup",
      "logs:UntagResource",
    ]
  }
}
