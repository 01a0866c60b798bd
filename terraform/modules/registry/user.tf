# The other way, for workflows that cannot have a role: a user with an access key.
#
# Terraform makes the key, so its secret half stands in the state. It stays there because an entry of the catalogue must be enough to
# get a key, and because nobody gains by it: the state is encrypted in Terraform Cloud, is shared with no other workspace, and whoever
# may read it may make such keys anyway. It is no output, and what people and workflows read is the secret in Secrets Manager.
# `terraform apply -replace` of the key rolls it; with `keyless` of the root there is none.
locals {
  keyed = var.with_key ? toset([var.repository]) : toset([])
}

resource "aws_iam_user" "push" {
  # checkov:skip=CKV_AWS_273:for workflows, not for people, and only where a role is not possible
  for_each = local.keyed

  name = local.full_name
  tags = var.tags
}

resource "aws_iam_user_policy" "push" {
  # checkov:skip=CKV_AWS_40:each user has rights to a registry of its own, so a group would have one member
  for_each = aws_iam_user.push

  name   = "push"
  user   = each.value.name
  policy = data.aws_iam_policy_document.push.json
}

resource "aws_iam_access_key" "push" {
  for_each = aws_iam_user.push

  user = each.value.name

  # The new key stands in the secret before the old one is gone.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_secretsmanager_secret" "push" {
  # checkov:skip=CKV_AWS_149:encrypted with AWS's own key: one of ours would cost by the month and keep out nobody else
  # checkov:skip=CKV2_AWS_57:whoever rolls the key must bring it to its workflow: a person does both
  for_each = local.keyed

  name        = "gromit/push/${each.key}"
  description = "Access key with which workflows of ${each.key} push to its registry"
  tags        = var.tags

  # A deleted key is worth nothing, and its name is wanted again if the repository returns to the catalogue.
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "push" {
  for_each = aws_secretsmanager_secret.push

  secret_id = each.value.id

  secret_string = jsonencode({
    AWS_ACCESS_KEY_ID     = aws_iam_access_key.push[each.key].id
    AWS_SECRET_ACCESS_KEY = aws_iam_access_key.push[each.key].secret
  })
}
