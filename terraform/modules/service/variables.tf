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

variable "place" {
  description = "Cluster and private subnets that it runs in, security groups that it is in besides its own, and the tags of everything, at least `managed`; for example `{ cluster = \"arn:aws:ecs:…\", private_subnets = [\"subnet-0a1b\"], security_groups = [\"sg-0a1b\"], tags = { managed = \"gromit\" } }`."
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
