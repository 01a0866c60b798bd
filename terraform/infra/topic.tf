# The topic of all alarms. It has its own key, because CloudWatch cannot use AWS's own key for SNS.
data "aws_iam_policy_document" "alarms_key" {
  # checkov:skip=CKV_AWS_109:in a key policy `*` means the key itself
  # checkov:skip=CKV_AWS_111:in a key policy `*` means the key itself
  # checkov:skip=CKV_AWS_356:in a key policy `*` means the key itself
  statement {
    sid       = "Account"
    actions   = ["kms:*"] # without this statement no one could change the key again
    resources = ["*"]     # in a key policy: the key itself

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.platform.account_id}:root"]
    }
  }

  statement {
    sid       = "Alarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"] # in a key policy: the key itself

    # Without a condition, as AWS's own recipe for alarms: the topic's policy decides whose alarms may publish, and nothing says that
    # CloudWatch names the account when it uses the key.
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
  }
}

resource "aws_kms_key" "alarms" {
  description         = "what gromit's alarms say"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.alarms_key.json
  tags                = local.platform.tags
}

resource "aws_sns_topic" "alarms" {
  name              = "gromit-alarms"
  kms_master_key_id = aws_kms_key.alarms.arn
  tags              = local.platform.tags
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.platform.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

# Each address gets a mail, and is subscribed once its owner follows the link.
resource "aws_sns_topic_subscription" "emails" {
  for_each = var.alarms.emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_sns_topic_subscription" "chat" {
  for_each = var.alarms.chat

  topic_arn              = aws_sns_topic.alarms.arn
  protocol               = "https"
  endpoint               = each.value
  endpoint_auto_confirms = true
}
