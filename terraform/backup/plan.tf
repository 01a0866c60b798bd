# Resources with the tag `backup` are backed up: base sets it on its file systems, infra on the data volumes of the Mongo hosts. So
# this root reads no other root's state, and the first night already covers a new volume.
locals {
  tags  = { managed = "gromit" }
  kinds = toset(["efs", "mongo"])
}

resource "aws_backup_vault" "this" {
  # checkov:skip=CKV_AWS_166:AWS's own key encrypts it: a key of ours would cost by the month and keep out no one else
  name = "gromit"
  tags = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_backup_plan" "this" {
  name = "gromit"
  tags = local.tags

  rule {
    rule_name         = "nightly"
    target_vault_name = aws_backup_vault.this.name
    schedule          = var.schedule

    # Minutes: a backup begins within one hour, or not that night, and ends within five.
    start_window      = 60
    completion_window = 300

    recovery_point_tags = local.tags

    lifecycle {
      delete_after = var.kept_days
    }
  }
}

resource "aws_backup_selection" "this" {
  for_each = local.kinds

  name         = "gromit-${each.key}"
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.backup.arn

  selection_tag {
    type  = "STRINGEQUALS"
    key   = "backup"
    value = each.key
  }
}
