# The registry of one repository, whose workflows push with their role only.
module "registry" {
  source = "../.."

  repository      = "tyk"
  kept_tags       = ["master", "v*"]
  with_key        = false
  github_provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  boundary        = "arn:aws:iam::123456789012:policy/gromit-push-boundary"
  github          = { organization = "example", organization_id = "1234567", refs = ["refs/heads/*"] }
  tags            = { managed = "example" }
}
