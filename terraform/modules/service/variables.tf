variable "part" {
  description = "Output `part` of the module `part`, for example `module.serve.part`."
  nullable    = false

  type = object({
    name              = string
    task_definition   = string
    security_group_id = string
  })

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:[^*]*:task-definition/", var.part.task_definition))
    error_message = "The task definition must be an ARN."
  }
}

variable "namespaces" {
  description = "Cloud Map namespace that the service has a name in, by its name, for example `{ internal = \"ns-0a1b\" }`; at most one."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = length(var.namespaces) <= 1 && alltrue([for id in values(var.namespaces) : startswith(id, "ns-")])
    error_message = "There may be one namespace, with an id `ns-…`: ECS registers a service in one only."
  }
}

variable "targets" {
  description = "Target groups that the tasks are registered in, by port, for example `{ \"8443\" = \"arn:aws:elasticloadbalancing:…\" }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.targets) : can(regex("^arn:aws[a-z-]*:elasticloadbalancing:", arn))])
    error_message = "Each target group must be an ARN."
  }
}

variable "singleton" {
  description = "Whether a deployment stops the old task before it starts the new one, for example true for a watching worker."
  type        = bool
  nullable    = false
  default     = false
}

variable "tasks" {
  description = "Number of tasks that ECS keeps running, for example 2."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.tasks >= 1 && floor(var.tasks) == var.tasks
    error_message = "There must be a whole number of tasks, at least 1."
  }
}

variable "place" {
  description = "Cluster and private subnets of the tasks, their security groups besides the part's own, and the tags of all resources, at least `managed`; for example `{ cluster = \"arn:aws:ecs:…\", private_subnets = [\"subnet-0a1b\"], security_groups = [\"sg-0a1b\"], tags = { managed = \"gromit\" } }`."
  nullable    = false

  type = object({
    cluster         = string
    private_subnets = list(string)
    security_groups = optional(list(string), [])
    tags            = map(string)
  })

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
