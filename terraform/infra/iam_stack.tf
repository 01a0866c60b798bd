# The stack's services: clusters, task definitions, services, their names and their logs.
data "aws_iam_policy_document" "stack" {
  source_policy_documents = [data.aws_iam_policy_document.network.json]

  # Our own cluster bears no tag `env`; it is refused by name, too.
  statement {
    sid       = "NotOurs"
    effect    = "Deny"
    actions   = ["ecs:CreateService", "ecs:DeleteCluster", "ecs:DeleteService", "ecs:UpdateService"]
    resources = [local.ground.cluster_arn, "arn:aws:ecs:${local.here}:service/${local.ground.cluster_name}/*"]
  }

  statement {
    sid       = "ClustersBorn"
    actions   = ["ecs:CreateCluster"]
    resources = ["arn:aws:ecs:${local.here}:cluster/*"] # named after environments that are not there yet

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }

  statement {
    sid       = "DefinitionsBorn"
    actions   = ["ecs:RegisterTaskDefinition"]
    resources = ["*"] # this action knows no resources

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
    actions   = ["servicediscovery:GetService"]
    resources = ["arn:aws:servicediscovery:${local.here}:service/*"] # to look
  }

  # Cloud Map's three actions on tags know no resources, so that it cannot be said whose tags they are; but which ones.
  statement {
    sid       = "NamesTags"
    actions   = ["servicediscovery:GetOperation", "servicediscovery:ListTagsForResource"]
    resources = ["*"] # as above; an operation is the change of a name, which is waited for
  }

  statement {
    sid       = "NamesTagged"
    actions   = ["servicediscovery:TagResource"]
    resources = ["*"] # as above: only with the tag `env` among what it sets

    condition {
      test     = local.born.test
      variable = local.born.variable
      values   = local.born.values
    }
  }

  # Never the tag `env` itself, by which what is ours is known.
  statement {
    sid       = "NamesUntagged"
    actions   = ["servicediscovery:UntagResource"]
    resources = ["*"] # as above

    condition {
      test     = "ForAllValues:StringNotEquals"
      variable = "aws:TagKeys"
      values   = ["env"]
    }

    # A request that names none would meet that, too.
    condition {
      test     = "Null"
      variable = "aws:TagKeys"
      values   = ["false"]
    }
  }

  statement {
    sid       = "Names"
    actions   = ["servicediscovery:DeleteService", "servicediscovery:UpdateService"]
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
