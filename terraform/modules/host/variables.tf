variable "name" {
  description = "What the machine, its role and its profile are called, for example `gromit-bastion`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,62}$", var.name))
    error_message = "The name must be of lower-case letters, digits and hyphens, and at most 63 characters long."
  }
}

variable "ami" {
  description = "Image that it starts from, for example `ami-0a1b2c3d`. Another one replaces the machine."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", var.ami))
    error_message = "The image must be an id `ami-…`."
  }
}

variable "instance_type" {
  description = "Size of the machine, for example `t4g.small`; its architecture is the image's."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "The instance type must be one of EC2, for example `t4g.small`."
  }
}

variable "subnet_id" {
  description = "Subnet that it stands in, for example `subnet-0a1b2c3d`."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.subnet_id, "subnet-")
    error_message = "The subnet must be an id `subnet-…`."
  }
}

variable "has_public_address" {
  description = "Whether it can be reached from the internet where its security groups allow it, for example `true` for ssh."
  type        = bool
  nullable    = false
  default     = false
}

variable "security_groups" {
  description = "Ids of its security groups, for example `[\"sg-0a1b2c3d\"]`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.security_groups) > 0 && alltrue([for id in var.security_groups : startswith(id, "sg-")])
    error_message = "There must be at least one security group, each an id `sg-…`."
  }
}

variable "root_gib" {
  description = "Size of its own volume in GiB, for example `16`; nothing that is to last lies there."
  type        = number
  nullable    = false
  default     = 16

  validation {
    condition     = var.root_gib >= 8 && var.root_gib <= 1024 && floor(var.root_gib) == var.root_gib
    error_message = "The volume must be of 8 to 1024 whole GiB."
  }
}

variable "key_pair" {
  description = "Name of the EC2 key pair for ssh, for example `platform-team`; empty for none."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = can(regex("^([!-~]([ -~]{0,253}[!-~])?)?$", var.key_pair))
    error_message = "The name of a key pair is of at most 255 ASCII characters, and has no space at its ends."
  }
}

variable "user_data" {
  description = "Script that its first start runs, for example `#!/bin/bash …`. Another one replaces the machine."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.user_data, "#!") && length(var.user_data) <= 16384
    error_message = "The script must begin with `#!` and be at most 16 KB long."
  }
}

variable "policies" {
  description = "Further rights, by name, for example `{ volumes = data.aws_iam_policy_document.volumes.json }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.policies) : can(jsondecode(policy).Statement)])
    error_message = "Each policy must be the JSON of an IAM policy."
  }
}

variable "tags" {
  description = "Tags of everything that it consists of, for example `{ managed = \"gromit\" }`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = !contains(keys(var.tags), "Name")
    error_message = "The tag `Name` is the machine's name."
  }
}
