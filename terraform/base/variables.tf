variable "account_id" {
  description = "AWS account of all resources, for example `123456789012`; the plan fails with credentials of another one."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account must be an id of twelve digits."
  }
}

variable "region" {
  description = "Region of all resources, for example `eu-central-1`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be an AWS region, for example `eu-central-1`."
  }
}

variable "organization" {
  description = "GitHub organisation (or user) whose repositories push to the registries, for example `TykTechnologies`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?$", var.organization))
    error_message = "The organisation must be one literal GitHub name: no pattern, no slash."
  }
}

variable "organization_id" {
  description = "Numeric id of the organisation at GitHub, for example `1234567`: `gh api orgs/NAME --jq .id`. Without it, repositories that GitHub created, renamed or transferred after 18 June 2026 cannot push with their role."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.organization_id == "" || can(regex("^[1-9][0-9]{0,14}$", var.organization_id))
    error_message = "The id must be the number of the organisation at GitHub: `gh api orgs/NAME --jq .id`."
  }
}

variable "refs" {
  description = "Refs of a repository whose workflows may push, as patterns, for example `[\"refs/heads/*\", \"refs/tags/v*\"]`."
  type        = list(string)
  default     = ["refs/heads/*", "refs/tags/*"]
  nullable    = false

  validation {
    condition     = length(var.refs) > 0 && alltrue([for ref in var.refs : can(regex("^refs/(heads|tags)/[A-Za-z0-9._/*-]+$", ref))])
    error_message = "Each ref must begin with `refs/heads/` or `refs/tags/`: a bare `*` would let pull requests push."
  }
}

variable "catalogue" {
  description = "Catalogue file of the components, relative to this folder, for example `../../src/gromit/catalogue/tyk.yaml`."
  type        = string
  default     = "../../src/gromit/catalogue/tyk.yaml"
  nullable    = false

  validation {
    condition     = can(yamldecode(file(var.catalogue)).components[0].name)
    error_message = "The catalogue must be a YAML file with components: run `gromit catalogue check` to see its faults."
  }

  validation {
    condition     = try(yamldecode(file(var.catalogue)).extends, "tyk") == "tyk"
    error_message = "A catalogue can only extend the shipped one, `tyk`."
  }
}

variable "push_keys" {
  description = "Repositories that get a user with an access key besides their role, because a workflow of theirs cannot assume a role, for example `[\"tyk-pump\"]`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for repository in var.push_keys : can(regex("^[a-z0-9._-]+$", repository))])
    error_message = "Each must be the name of a repository in the catalogue."
  }
}

variable "state_bucket" {
  description = "Name of the bucket for the states of environments, unique in all of AWS, for example `example-terraform-state-dev`."
  type        = string
  default     = "terraform-state-dev"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "The bucket must have 3 to 63 lower-case letters, digits and hyphens, and no dot: TLS fails for a name with dots."
  }
}
