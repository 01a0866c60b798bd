data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# Permissions for Session Manager. AWS's own policy for it would also let the machine read every parameter of the account.
data "aws_iam_policy_document" "session" {
  # checkov:skip=CKV_AWS_111:the actions of Session Manager support no resources
  # checkov:skip=CKV_AWS_356:the actions of Session Manager support no resources

  statement {
    actions = [
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"] # these actions support no resources
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "what the machine ${var.name} may do"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.boundary
  tags                 = local.tags
}

resource "aws_iam_role_policy" "session" {
  name   = "session"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.session.json
}

resource "aws_iam_role_policy" "more" {
  for_each = var.policies

  name   = each.key
  role   = aws_iam_role.this.id
  policy = each.value
}

resource "aws_iam_instance_profile" "this" {
  name = var.name
  role = aws_iam_role.this.name
  tags = local.tags
}
