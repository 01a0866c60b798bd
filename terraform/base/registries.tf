module "registry" {
  source   = "../modules/registry"
  for_each = local.repositories

  repository      = each.key
  kept_tags       = concat(distinct(each.value), ["v*", "release-*"])
  with_key        = !contains(var.keyless, each.key)
  github_provider = aws_iam_openid_connect_provider.github.arn
  github_subjects = [for ref in var.refs : "repo:${var.organization}/${each.key}:ref:${ref}"]
  tags            = local.tags
}

# How AWS knows GitHub's workflows. An account has one provider for an address: one that is there already is imported.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = local.tags

  # AWS checks GitHub's certificate by its own list of authorities and does not look at these two (GitHub's, of 2023), but older
  # versions of the provider want some.
  thumbprint_list = [
    "6938fd4d98bab03faadb97b34396831e3780aea1",
    "1c58a3a8518e8759bf075b76b750d4f2df264fcd",
  ]

  lifecycle {
    precondition {
      condition     = length(setsubtract(var.keyless, keys(local.repositories))) == 0
      error_message = "`keyless` names a repository that is not in the catalogue."
    }
  }
}
