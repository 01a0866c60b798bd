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

variable "github_subjects" {
  description = "Subjects of GitHub tokens that may assume the role, for example `[\"repo:example/tyk:ref:refs/heads/*\"]`."
  type        = list(string)
  nullable    = false

  validation {
    condition = length(var.github_subjects) > 0 && alltrue([
      for subject in var.github_subjects :
      can(regex("^repo:[A-Za-z0-9-]+/[A-Za-z0-9._-]+:ref:refs/(heads|tags)/[A-Za-z0-9._/*-]+$", subject))
    ])
    error_message = "Each subject must be `repo:ORGANISATION/REPOSITORY:ref:refs/heads/…` or `…refs/tags/…`, with a `*` only in the ref."
  }

  validation {
    condition     = alltrue([for subject in var.github_subjects : split(":", split("/", subject)[1])[0] == var.repository])
    error_message = "The subjects must be those of the repository of this registry."
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
