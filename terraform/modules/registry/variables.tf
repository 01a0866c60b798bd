variable "repository" {
  description = "Name of the Git repository and its registry, for example `tyk`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+([._-][a-z0-9]+)*$", var.repository)) && length(var.repository) >= 2 && length(var.repository) <= 52
    error_message = "The repository must have 2 to 52 lower-case letters and digits, with single dots, hyphens or underscores between them."
  }
}

variable "kept_tags" {
  description = "Tags whose images never expire, as patterns, for example `[\"master\", \"v*\"]`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for tag in var.kept_tags : can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]*[*]?$", tag))])
    error_message = "Each tag must be an image tag, or the beginning of one and `*`; a bare `*` would keep every image."
  }

  validation {
    condition     = length(var.kept_tags) <= 48 && length(distinct(var.kept_tags)) == length(var.kept_tags)
    error_message = "There may be at most 48 different patterns: AWS allows 50 rules."
  }
}

variable "with_key" {
  description = "Whether a user with an access key exists besides the role, for example false."
  type        = bool
  nullable    = false
}

variable "github_provider" {
  description = "ARN of the account's OIDC provider for GitHub, for example `arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_provider))
    error_message = "The provider must be the ARN of the OIDC provider for token.actions.githubusercontent.com."
  }
}

variable "boundary" {
  description = "ARN of the policy that limits the role, for example `arn:aws:iam::123456789012:policy/gromit-push-boundary`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.boundary))
    error_message = "The boundary must be the ARN of a policy of the account."
  }
}

variable "github" {
  description = "Workflows that may assume the role: the organisation, its numeric id, and the refs as patterns, for example `{ organization = \"example\", organization_id = \"1234567\", refs = [\"refs/heads/*\"] }`. Without the id, AWS refuses repositories whose subjects contain ids."
  type = object({
    organization    = string
    organization_id = optional(string)
    refs            = list(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?$", var.github.organization))
    error_message = "The organisation must be one literal GitHub name: no pattern, no slash."
  }

  validation {
    condition     = var.github.organization_id == null || can(regex("^[1-9][0-9]{0,14}$", var.github.organization_id))
    error_message = "The organisation's id must be its number at GitHub: `gh api orgs/NAME --jq .id`."
  }

  validation {
    condition     = length(var.github.refs) > 0 && alltrue([for ref in var.github.refs : can(regex("^refs/(heads|tags)/[A-Za-z0-9._/*-]+$", ref))])
    error_message = "Each ref must begin with `refs/heads/` or `refs/tags/`, with a `*` only behind that: a bare `*` would let pull requests push."
  }
}

variable "tags" {
  description = "Tags of all resources, at least `managed`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = contains(keys(var.tags), "managed")
    error_message = "There must be the tag `managed`, which marks the resources of gromit."
  }
}
