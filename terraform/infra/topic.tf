# Where alarms go. AWS's own key for SNS would shut CloudWatch out, so that the topic has one of its own.
data "aws_iam_policy_document" "alarms_key" {
  # checkov:skip=CKV_AWS_109:in the policy of a key everything is the key itself
  # checkov:skip=CKV_AWS_111:in the policy of a key everything is the key itself
  # checkov:skip=CKV_AWS_356:in the policy of a key everything is the key itself
  statement {
    sid       = "Account"
    actions   = ["kms:*"] # without it nobody could ever change the key again
    resources = ["*"]     # in the policy of a key: the key itself

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.ground.account_id}:root"]
    }
  }

  statement {
    sid       = "Alarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"] # in the policy of a key: the key itself

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.ground.account_id]
    }
  }
}

resource "aws_kms_key" "alarms" {
  description         = "what gromit's alarms say"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.alarms_key.json
  tags                = local.ground.tags
}

resource "aws_sns_topic" "alarms" {
  name              = "gromit-alarms"
  kms_master_key_id = aws_kms_key.alarms.arn
  tags              = local.ground.tags
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
      values   = [local.ground.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

# Each address gets a mail, and counts only after the link in it was followed.
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
