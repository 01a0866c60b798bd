# The doctor reads a great deal and changes nothing: docs/reference/doctor.md has the list.
data "aws_iam_policy_document" "doctor" {
  statement {
    sid       = "States"
    actions   = ["s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration"]
    resources = ["arn:aws:s3:::${local.platform.state_bucket}"]
  }

  statement {
    sid       = "Images"
    actions   = ["ecr:BatchGetImage", "ecr:DescribeRepositories"]
    resources = values(local.platform.registries)
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:DescribeSecret"]
    resources = local.environment_secrets
  }

  statement {
    sid       = "Table"
    actions   = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
    resources = [local.platform.table_arn]
  }

  statement {
    sid       = "Platform"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:aws:ssm:${local.here}:parameter/gromit/platform"]
  }

  statement {
    sid       = "Zone"
    actions   = ["route53:GetHostedZone", "route53:GetHostedZoneLimit", "route53:ListResourceRecordSets"]
    resources = ["arn:aws:route53:::hostedzone/${local.platform.zone_id}"]
  }

  statement {
    sid       = "Names"
    actions   = ["servicediscovery:GetNamespace"]
    resources = ["arn:aws:servicediscovery:${local.here}:namespace/${local.platform.namespace_id}"]
  }

  statement {
    sid       = "Volumes"
    actions   = ["elasticfilesystem:DescribeAccessPoints", "elasticfilesystem:DescribeFileSystems"]
    resources = ["arn:aws:elasticfilesystem:${local.here}:file-system/*", "arn:aws:elasticfilesystem:${local.here}:access-point/*"] # to count
  }

  # Logs and roles of the parts and of environments.
  statement {
    sid       = "Roles"
    actions   = ["iam:GetRole", "iam:SimulatePrincipalPolicy"]
    resources = ["arn:aws:iam::${local.platform.account_id}:role/gromit-*", local.platform.execution_role_arn]
  }

  statement {
    sid       = "Quotas"
    resources = ["*"] # these actions support no resources

    actions = [
      "cloudwatch:GetMetricStatistics",
      "ec2:DescribeKeyPairs",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcs",
      "ecs:ListClusters",
      "servicediscovery:ListServices",
      "servicequotas:GetAWSDefaultServiceQuota",
      "servicequotas:GetServiceQuota",
      "servicequotas:ListServiceQuotas",
    ]
  }
}
