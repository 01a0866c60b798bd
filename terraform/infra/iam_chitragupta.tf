# chitragupta reads the running tasks and writes the records of environments.
data "aws_iam_policy_document" "chitragupta" {
  # checkov:skip=CKV_AWS_356:the actions on everything support no resources that could be named
  source_policy_documents = [data.aws_iam_policy_document.records.json]

  statement {
    sid       = "RunningLook"
    actions   = ["ec2:DescribeNetworkInterfaces", "ecs:ListServices", "ecs:ListTasks"]
    resources = ["*"] # these actions support no resources that could be named
  }

  statement {
    sid       = "Running"
    actions   = ["ecs:DescribeClusters", "ecs:DescribeServices", "ecs:DescribeTasks"]
    resources = [for kind in ["cluster", "service", "task"] : "arn:aws:ecs:${local.here}:${kind}/*"] # those of every environment
  }
}

# Records of environments: A and TXT below the domain, in this zone only. sow updates them after an apply, and reap removes them; both
# may look at tasks anyway.
data "aws_iam_policy_document" "records" {
  statement {
    sid       = "Records"
    actions   = ["route53:ListResourceRecordSets"]
    resources = ["arn:aws:route53:::hostedzone/${local.platform.zone_id}"]
  }

  statement {
    sid       = "Change"
    actions   = ["route53:ChangeResourceRecordSets"]
    resources = ["arn:aws:route53:::hostedzone/${local.platform.zone_id}"]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "route53:ChangeResourceRecordSetsRecordTypes"
      values   = ["A", "TXT"]
    }

    # Two labels before the domain exclude the domain's own records and those of serve and gateway.
    condition {
      test     = "ForAllValues:StringLike"
      variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
      values   = ["*.*.${local.platform.domain}"]
    }

    # A public authority gives a certificate for `gateway.<domain>` to anyone who writes `_acme-challenge.gateway.<domain>`, and ACM reads
    # a name that begins with `_` as well. gromit's own names never begin like this, but for its mark of ownership.
    condition {
      test     = "ForAllValues:StringNotLike"
      variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
      values   = ["_acme-challenge.*"]
    }
  }
}
