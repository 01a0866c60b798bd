# Looks at what runs, and writes the records of environments: A and TXT below the domain, in this one zone.
data "aws_iam_policy_document" "chitragupta" {
  # checkov:skip=CKV_AWS_356:the actions on everything know no resources that could be named
  statement {
    sid       = "RunningLook"
    actions   = ["ec2:DescribeNetworkInterfaces", "ecs:ListTasks"]
    resources = ["*"] # these actions know no resources that could be named
  }

  statement {
    sid       = "Running"
    actions   = ["ecs:DescribeClusters", "ecs:DescribeTasks"]
    resources = ["arn:aws:ecs:${local.here}:cluster/*", "arn:aws:ecs:${local.here}:task/*"] # of every environment
  }

  statement {
    sid       = "Records"
    actions   = ["route53:ListResourceRecordSets"]
    resources = ["arn:aws:route53:::hostedzone/${local.ground.zone_id}"]
  }

  statement {
    sid       = "Change"
    actions   = ["route53:ChangeResourceRecordSets"]
    resources = ["arn:aws:route53:::hostedzone/${local.ground.zone_id}"]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "route53:ChangeResourceRecordSetsRecordTypes"
      values   = ["A", "TXT"]
    }

    # Two labels before the domain: neither the domain's own records nor those of serve and gateway.
    condition {
      test     = "ForAllValues:StringLike"
      variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
      values   = ["*.*.${local.ground.domain}"]
    }
  }
}
