# The services of the stack: clusters, task definitions, services, their names and their logs. The boundary of all roles excludes the
# control plane's own cluster, and services with its task definitions.
data "aws_iam_policy_document" "stack" {
  source_policy_documents = [data.aws_iam_policy_document.network.json]

  statement {
    sid       = "ClustersBorn"
    actions   = ["ecs:CreateCluster"]
    resources = ["arn:aws:ecs:${local.here}:cluster/*"] # named after environments that do not exist yet

    condition {
      test     = local.sets_env.test
      variable = local.sets_env.variable
      values   = local.sets_env.values
    }
  }

  statement {
    sid       = "DefinitionsBorn"
    actions   = ["ecs:RegisterTaskDefinition"]
    resources = ["*"] # this action supports no resources

    condition {
      test     = local.sets_env.test
      variable = local.sets_env.variable
      values   = local.sets_env.values
    }
  }

  statement {
    sid       = "Look"
    resources = ["*"] # these actions support no resources, or none that could be named

    actions = [
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSecurityGroupRules",
      "ec2:DescribeSecurityGroups",
      "ecs:DeregisterTaskDefinition", # of any family, but tasks of such a revision keep running
      "ecs:DescribeTaskDefinition",
      "ecs:ListServices",
      "ecs:ListTaskDefinitionFamilies",
      "ecs:ListTaskDefinitions",
      "ecs:ListTasks",
      "logs:DescribeLogGroups",
      "servicediscovery:GetOperation", # terraform waits for the operation that changes a name
      "servicediscovery:ListInstances",
      "servicediscovery:ListServices",
      "servicediscovery:ListTagsForResource",
    ]
  }

  statement {
    sid     = "LookAt"
    actions = ["ecs:DescribeClusters", "ecs:DescribeServices", "ecs:DescribeTasks", "ecs:ListTagsForResource"]

    # The cluster of an environment has its name. The tasks of the control plane's cluster show who owns a stale lock.
    resources = [for kind in ["cluster", "service", "task", "task-definition"] : "arn:aws:ecs:${local.here}:${kind}/*"]
  }

  statement {
    sid       = "ServicesBorn"
    actions   = ["ecs:CreateService"]
    resources = ["arn:aws:ecs:${local.here}:service/*"] # named after environments that do not exist yet

    condition {
      test     = local.sets_env.test
      variable = local.sets_env.variable
      values   = local.sets_env.values
    }
  }

  # On resources being created, and on existing ones of environments.
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
      test     = local.has_env.test
      variable = local.has_env.variable
      values   = local.has_env.values
    }
  }

  statement {
    sid       = "NamesLook"
    actions   = ["servicediscovery:GetService"]
    resources = ["arn:aws:servicediscovery:${local.here}:service/*"] # to read
  }

  # Cloud Map's tag actions support no resources. So the statements cannot limit whose tags change, but only which tags. A later apply
  # adds `installation` alone, where an earlier release made the resource.
  statement {
    sid       = "NamesTagged"
    actions   = ["servicediscovery:TagResource"]
    resources = ["*"] # as above: only if the request sets the tag `env` or `installation`

    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "aws:TagKeys"
      values   = ["env", "installation"]
    }
  }

  # Never the tag `env` itself, which marks resources of environments.
  statement {
    sid       = "NamesUntagged"
    actions   = ["servicediscovery:UntagResource"]
    resources = ["*"] # as above

    condition {
      test     = "ForAllValues:StringNotEquals"
      variable = "aws:TagKeys"
      values   = ["env"]
    }

    # A request without tags would meet this condition as well.
    condition {
      test     = "Null"
      variable = "aws:TagKeys"
      values   = ["false"]
    }
  }

  statement {
    sid       = "Names"
    actions   = ["servicediscovery:DeleteService", "servicediscovery:DeregisterInstance", "servicediscovery:UpdateService"]
    resources = ["arn:aws:servicediscovery:${local.here}:service/*"] # those of environments, by their tag

    condition {
      test     = local.has_env.test
      variable = local.has_env.variable
      values   = local.has_env.values
    }
  }

  # The logs of the control plane are elsewhere, below /gromit-control/.
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
