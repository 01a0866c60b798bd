variable "name" {
  description = "Name of the machine, its role and its profile, for example `gromit-bastion`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,62}$", var.name))
    error_message = "The name must begin with a letter and have at most 63 lower-case letters, digits and hyphens."
  }
}

variable "ami" {
  description = "AMI of the machine, for example `ami-0a1b2c3d`. Another one replaces the machine."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", var.ami))
    error_message = "The AMI must be an id `ami-…`."
  }
}

variable "instance_type" {
  description = "Instance type, for example `t4g.small`, of the same architecture as the AMI."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "The instance type must be an EC2 type, for example `t4g.small`."
  }
}

variable "subnet_id" {
  description = "Subnet of the machine, for example `subnet-0a1b2c3d`."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.subnet_id, "subnet-")
    error_message = "The subnet must be an id `subnet-…`."
  }
}

variable "has_public_address" {
  description = "Whether the machine has a public address, for example true for ssh from outside the VPC."
  type        = bool
  nullable    = false
  default     = false
}

variable "security_groups" {
  description = "Security groups of the machine, for example `[\"sg-0a1b2c3d\"]`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.security_groups) > 0 && alltrue([for id in var.security_groups : startswith(id, "sg-")])
    error_message = "There must be at least one security group, each an id `sg-…`."
  }
}

variable "root_gib" {
  description = "Size of the root volume in GiB, for example 16. A replacement of the machine loses it."
  type        = number
  nullable    = false
  default     = 16

  validation {
    condition     = var.root_gib >= 8 && var.root_gib <= 1024 && floor(var.root_gib) == var.root_gib
    error_message = "The root volume must have 8 to 1024 whole GiB."
  }
}

variable "key_pair" {
  description = "Name of the EC2 key pair for ssh, for example `platform-team`; empty for none."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = can(regex("^([!-~]([ -~]{0,253}[!-~])?)?$", var.key_pair))
    error_message = "The name of a key pair must have at most 255 ASCII characters, and no space at its ends."
  }
}

variable "user_data" {
  description = "Script of the first start, for example `#!/bin/bash …`. Another one replaces the machine."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.user_data, "#!") && length(var.user_data) <= 16384
    error_message = "The script must begin with `#!` and be at most 16 KB long."
  }
}

variable "policies" {
  description = "Further policies (JSON) of the role, by name, for example `{ volumes = data.aws_iam_policy_document.volumes.json }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.policies) : can(jsondecode(policy).Statement)])
    error_message = "Each policy must be the JSON of an IAM policy."
  }
}

variable "boundary" {
  description = "ARN of the policy that limits the role, whatever its own policies say, for example `arn:aws:iam::123456789012:policy/gromit-boundary`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/", var.boundary))
    error_message = "The boundary must be the ARN of an IAM policy."
  }
}

variable "tags" {
  description = "Tags of all resources, for example `{ managed = \"gromit\" }`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = !contains(keys(var.tags), "Name")
    error_message = "The module sets the tag `Name` itself."
  }
}
