variable "name" {
  description = "Name of the environment, its cluster and its workspace, for example `app-test`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", var.name)) && !strcontains(var.name, "--")
    error_message = "The name must be a lower-case DNS label of at most 40 characters without `--`."
  }
}

variable "platform" {
  description = "Ids of the platform that all environments share, from the caller, for example `vpc_id = \"vpc-0a1b\"`."
  nullable    = false

  type = object({
    vpc_id             = string
    vpc_cidr           = string
    public_subnets     = list(string)
    private_subnets    = list(string)
    namespace_id       = string
    file_system_id     = string
    execution_role_arn = string
    registry           = string
    region             = string
    mongo              = optional(string, "")
    installation       = optional(string, "")
    exec_role_arn      = optional(string, "")
    exec_components    = optional(list(string), [])
  })

  validation {
    condition     = startswith(var.platform.vpc_id, "vpc-") && can(cidrnetmask(var.platform.vpc_cidr))
    error_message = "The VPC must have an id `vpc-…` and an IPv4 range, for example `10.91.0.0/16`."
  }

  validation {
    condition = alltrue([
      for subnets in [var.platform.public_subnets, var.platform.private_subnets] :
      length(subnets) > 0 && alltrue([for subnet in subnets : startswith(subnet, "subnet-")])
    ])
    error_message = "There must be at least one public and one private subnet, each an id `subnet-…`."
  }

  validation {
    condition     = startswith(var.platform.namespace_id, "ns-") && startswith(var.platform.file_system_id, "fs-")
    error_message = "The Cloud Map namespace must be an id `ns-…`, and the file system an id `fs-…`."
  }

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/", var.platform.execution_role_arn))
    error_message = "The execution role must be the ARN of an IAM role."
  }

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.platform.region))
    error_message = "The region must be an AWS region, for example `eu-central-1`."
  }
}

variable "components" {
  description = "Components of the catalogue with their desired versions, by name, for example `redis = { image = \"redis:7\", … }`."
  nullable    = false

  type = map(object({
    port        = optional(number)
    public      = optional(bool, false)
    command     = optional(list(string), [])
    config_path = optional(string)
    environment = optional(map(string), {})
    secrets     = optional(map(string), {})
    cpu         = optional(number, 256)
    memory      = optional(number, 512)
    exec        = optional(bool, false)
    image       = string
    labels      = optional(map(string), {})

    hooks = optional(map(object({
      image   = string
      command = list(string)
    })), {})
  }))

  validation {
    condition = alltrue([
      for name in keys(var.components) :
      can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", name)) && !strcontains(name, "--")
    ])
    error_message = "Each component must be named by a lower-case DNS label of at most 40 characters without `--`."
  }
}

variable "parked" {
  description = "Whether the environment is parked, for example `true`: no task runs, and everything else stays."
  type        = bool
  default     = false
  nullable    = false
}
