# The doctor of environments lists everything that exists of environments, and changes nothing. Repairs are an operator's.
data "aws_iam_policy_document" "doctor_environments" {
  # checkov:skip=CKV_AWS_356:the actions on everything support no resources that could be named
  statement {
    sid       = "States"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::${local.platform.state_bucket}/env:/*"]
  }

  statement {
    sid       = "StateNames"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::${local.platform.state_bucket}"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["env:/*"]
    }
  }

  statement {
    sid       = "Images"
    actions   = ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetLifecyclePolicy", "ecr:ListImages"]
    resources = values(local.platform.registries)
  }

  statement {
    sid       = "Platform"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:aws:ssm:${local.here}:parameter/gromit/platform"]
  }

  statement {
    sid       = "Records"
    actions   = ["route53:ListResourceRecordSets"]
    resources = ["arn:aws:route53:::hostedzone/${local.platform.zone_id}"]
  }

  statement {
    sid       = "Clusters"
    actions   = ["ecs:DescribeClusters", "ecs:DescribeTasks"] # the tasks that own locks
    resources = ["arn:aws:ecs:${local.here}:cluster/*", "arn:aws:ecs:${local.here}:task/*"]
  }

  statement {
    sid       = "Folders"
    actions   = ["elasticfilesystem:DescribeAccessPoints"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:file-system/*", "arn:aws:elasticfilesystem:${local.here}:access-point/*"] # to read
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:ListTagsForResource"]
    resources = ["arn:aws:logs:${local.here}:log-group:/gromit/*"]
  }

  statement {
    sid       = "Lists"
    resources = ["*"] # these actions support no resources

    actions = [
      "ec2:DescribeSecurityGroups",
      "ecs:DescribeTaskDefinition",
      "ecs:ListClusters",
      "ecs:ListTaskDefinitionFamilies",
      "logs:DescribeLogGroups",
      "servicediscovery:ListServices",
      "servicediscovery:ListTagsForResource",
    ]
  }
}
