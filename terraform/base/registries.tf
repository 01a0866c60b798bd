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

# gromit's own image, which is no component's. Its versions begin with a digit, or with `v`, and never expire. No user has a key to it, and
# its role is for release tags of the organisation's repository of that name alone: whoever may push here runs as the control plane.
module "own_registry" {
  source = "../modules/registry"

  repository      = local.own
  kept_tags       = [for beginning in concat(["v"], range(10)) : "${beginning}*"]
  with_key        = false
  github_provider = aws_iam_openid_connect_provider.github.arn
  github_subjects = ["repo:${var.organization}/${local.own}:ref:refs/tags/v*"]
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

    precondition {
      condition     = !contains(keys(local.repositories), local.own)
      error_message = "A component of the catalogue has the repository `${local.own}`, whose registry is that of gromit's own image."
    }
  }
}
