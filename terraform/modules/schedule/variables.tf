variable "part" {
  description = "Output `part` of the module `part`, for example `module.sow.part`."
  nullable    = false

  type = object({
    name               = string
    task_definition    = string
    task_role_arn      = string
    execution_role_arn = string
    security_group_id  = string
  })

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:[^*]*:task-definition/", var.part.task_definition))
    error_message = "The task definition must be an ARN."
  }
}

variable "every" {
  description = "Schedule in EventBridge's form, for example `rate(37 minutes)` or `cron(0 3 * * ? *)`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.every))
    error_message = "The schedule must be `rate(…)` or `cron(…)`."
  }
}

variable "on" {
  description = "Patterns of events that also start the part, by name, each as JSON, for example `{ serve-stopped = jsonencode({ source = [\"aws.ecs\"] }) }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for pattern in values(var.on) : can(keys(jsondecode(pattern)))])
    error_message = "Each pattern must be a JSON object."
  }
}

variable "place" {
  description = "Account and cluster of the tasks, the policy that limits the role, their private subnets, their security groups besides the part's own, and the tags of all resources, at least `managed`; for example `{ account_id = \"123456789012\", boundary = \"arn:aws:iam::123456789012:policy/gromit-boundary\", cluster = \"arn:aws:ecs:…\", private_subnets = [\"subnet-0a1b\"], security_groups = [\"sg-0a1b\"], tags = { managed = \"gromit\" } }`."
  nullable    = false

  type = object({
    account_id      = string
    boundary        = string
    cluster         = string
    private_subnets = list(string)
    security_groups = optional(list(string), [])
    tags            = map(string)
  })

  validation {
    condition     = can(regex("^[0-9]{12}$", var.place.account_id))
    error_message = "The account must be an id of twelve digits."
  }

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/", var.place.boundary))
    error_message = "The boundary must be the ARN of an IAM policy."
  }

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:[^*]*:cluster/", var.place.cluster))
    error_message = "The cluster must be the ARN of an ECS cluster."
  }

  validation {
    condition     = length(var.place.private_subnets) > 0 && alltrue([for subnet in var.place.private_subnets : startswith(subnet, "subnet-")])
    error_message = "There must be at least one subnet, each an id `subnet-…`."
  }

  validation {
    condition     = alltrue([for group in var.place.security_groups : startswith(group, "sg-")])
    error_message = "Each group must be an id `sg-…`."
  }

  validation {
    condition     = contains(keys(var.place.tags), "managed")
    error_message = "There must be the tag `managed`."
  }
}
