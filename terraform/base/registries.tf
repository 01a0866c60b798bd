# sow tags each image that an environment uses with `gromit..NAME`, and reap removes the tag, so that no image in use expires. Git
# allows no two dots in the name of a branch, so no build pushes such a tag.
module "registry" {
  source   = "../modules/registry"
  for_each = local.repositories

  repository      = each.key
  kept_tags       = concat(distinct(each.value), ["v*", "release-*", "gromit..*"])
  with_key        = contains(var.push_keys, each.key)
  github_provider = aws_iam_openid_connect_provider.github.arn
  boundary        = aws_iam_policy.push_boundary.arn
  github          = merge(local.github, { refs = var.refs })
  tags            = merge(local.tags, { images = "environments" }) # reap may remove tags of images only where it is
}

# gromit's own image, which no component uses. Its versions begin with a digit or `v` and never expire. It has no user with a key, and
# its role is only for release tags of the organisation's repository `gromit`: anyone who pushes here controls the control plane.
module "own_registry" {
  source = "../modules/registry"

  repository      = local.own
  kept_tags       = [for beginning in concat(["v"], range(10)) : "${beginning}*"]
  with_key        = false
  github_provider = aws_iam_openid_connect_provider.github.arn
  boundary        = aws_iam_policy.push_boundary.arn
  github          = merge(local.github, { refs = ["refs/tags/v*"] })
  tags            = local.tags
}

# AWS identifies GitHub's workflows by this provider. An account can have one for each address, so import an existing one.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = local.tags

  # AWS checks GitHub's certificate against its own list of authorities and ignores these two (GitHub's, of 2023), but older provider
  # versions require some.
  thumbprint_list = [
    "6938fd4d98bab03faadb97b34396831e3780aea1",
    "1c58a3a8518e8759bf075b76b750d4f2df264fcd",
  ]

  lifecycle {
    precondition {
      condition     = length(setsubtract(var.push_keys, keys(local.repositories))) == 0
      error_message = "`push_keys` lists a repository that is not in the catalogue."
    }

    precondition {
      condition     = !contains(keys(local.repositories), local.own)
      error_message = "A component of the catalogue has the repository `${local.own}`, which is reserved for gromit's own image."
    }
  }
}
