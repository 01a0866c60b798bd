# AWS Backup acts as this role, with the policies that AWS maintains for it: its needs differ by resource type, and they grow. So it has
# no permissions boundary: one that lags behind AWS would be noticed when a restore fails. No one but AWS Backup can assume the role.
resource "aws_iam_role" "backup" {
  name               = "gromit-backup"
  description        = "AWS Backup: takes and restores backups"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = local.tags
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }

    # Only for backups of this account, whatever account makes AWS Backup ask.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset(["Backup", "Restores"])

  role       = aws_iam_role.backup.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor${each.key}"
}
