variable "part" {
  description = "What runs: the output `part` of the module of that name, for example `module.serve.part`."
  nullable    = false

  type = object({
    name              = string
    task_definition   = string
    security_group_id = string
  })

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:[^*]*:task-definition/", var.part.task_definition))
    error_message = "The task definition must be the ARN of one."
  }
}

variable "cluster" {
  description = "ARN of the cluster that it runs in, for example `arn:aws:ecs:eu-central-1:123456789012:cluster/internal`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:[^*]*:cluster/", var.cluster))
    error_message = "The cluster must be the ARN of an ECS cluster."
  }
}

variable "subnets" {
  description = "Private subnets that it may run in, for example `[\"subnet-0a1b\"]`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnets) > 0 && alltrue([for subnet in var.subnets : startswith(subnet, "subnet-")])
    error_message = "There must be at least one subnet, each an id `subnet-…`."
  }
}

variable "security_groups" {
  description = "Groups that it is in besides its own, for example the one whose members may mount a volume: `[\"sg-0a1b\"]`."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for group in var.security_groups : startswith(group, "sg-")])
    error_message = "Each group must be an id `sg-…`."
  }
}

variable "namespaces" {
  description = "Cloud Map namespaces where it is found by its name, name of the namespace to its id, for example `{ internal = \"ns-0a1b\" }`; at most one."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = length(var.namespaces) <= 1 && alltrue([for id in values(var.namespaces) : startswith(id, "ns-")])
    error_message = "There may be one namespace, given by its id `ns-…`: ECS puts a service into one."
  }
}

variable "targets" {
  description = "Target groups of load balancers that its tasks are put into, by port, for example `{ \"8443\" = \"arn:aws:elasticloadbalancing:…\" }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.targets) : can(regex("^arn:aws[a-z-]*:elasticloadbalancing:", arn))])
    error_message = "Each target group must be given by its ARN."
  }
}

variable "singleton" {
  description = "Whether an old task ends before a new one begins, for example true for a watching worker; false: a new one first."
  type        = bool
  nullable    = false
  default     = false
}

variable "tags" {
  description = "Tags of everything, at least `managed`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = contains(keys(var.tags), "managed")
    error_message = "There must be the tag `managed`."
  }
}
