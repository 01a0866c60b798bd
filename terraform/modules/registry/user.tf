# The other way, for workflows that cannot assume a role: a user with an access key, if the root lists the repository in `push_keys`.
#
# Terraform creates the key, so its secret half is in the state, in saved plans, and open to every reader of the state. That is why
# no repository has a key unless its owner asks for one. The key is no output; people and workflows read it from Secrets Manager.
# `terraform apply -replace` of the key rotates it.
locals {
  keyed = var.with_key ? toset([var.repository]) : toset([])
}

resource "aws_iam_user" "push" {
  # checkov:skip=CKV_AWS_273:it is for workflows, not for people, and only where a role is impossible
  for_each = local.keyed

  name = local.full_name
  tags = var.tags
}

resource "aws_iam_user_policy" "push" {
  # checkov:skip=CKV_AWS_40:each user has permissions for its own registry, so a group would have one member
  for_each = aws_iam_user.push

  name   = "push"
  user   = each.value.name
  policy = data.aws_iam_policy_document.push.json
}

resource "aws_iam_access_key" "push" {
  for_each = aws_iam_user.push

  user = each.value.name

  # The new key is in the secret before the old one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_secretsmanager_secret" "push" {
  # checkov:skip=CKV_AWS_149:AWS's own key encrypts it: a key of ours would cost by the month and keep out no one else
  # checkov:skip=CKV2_AWS_57:a rotated key has to be copied to its workflow, so a person does both
  for_each = local.keyed

  name        = "gromit/push/${each.key}"
  description = "Access key with which workflows of ${each.key} push to its registry"
  tags        = var.tags

  # A deleted key is worthless, and its name is needed again if the repository returns to the catalogue.
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
