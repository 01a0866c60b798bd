variable "name" {
  description = "Name of the component, its ECS service and its container, for example `redis`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", var.name)) && !strcontains(var.name, "--")
    error_message = "The name must be a lower-case DNS label of at most 40 characters without `--`."
  }
}

variable "env" {
  description = "Name of the environment, for example `app-test`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", var.env)) && !strcontains(var.env, "--")
    error_message = "The environment must be a lower-case DNS label of at most 40 characters without `--`."
  }
}

variable "cluster" {
  description = "ARN of the environment's ECS cluster, for example `arn:aws:ecs:eu-central-1:123456789012:cluster/app-test`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:", var.cluster))
    error_message = "The cluster must be the ARN of an ECS cluster."
  }
}

variable "log_group" {
  description = "CloudWatch log group for the output of the component, for example `/gromit/app-test`."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.log_group, "/")
    error_message = "The log group must begin with `/`, for example `/gromit/app-test`."
  }
}

variable "platform" {
  description = "Attributes of the stack's `platform` that a component needs, for example `vpc_id = \"vpc-0a1b\"`."
  nullable    = false

  type = object({
    vpc_id             = string
    vpc_cidr           = string
    public_subnets     = list(string)
    private_subnets    = list(string)
    namespace_id       = string
    file_system_id     = string
    execution_role_arn = string
    region             = string
    mongo              = optional(string, "")
    exec_role_arn      = optional(string, "")
  })

  validation {
    condition     = can(cidrnetmask(var.platform.vpc_cidr))
    error_message = "The VPC must have an IPv4 range, for example `10.91.0.0/16`."
  }
}

variable "definition" {
  description = "Image, port and all other settings of the component, for example `{ image = \"redis:7\", port = 6379 }`."
  nullable    = false

  type = object({
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
  })

  validation {
    condition     = var.definition.image != "" && !can(regex("\\s", var.definition.image))
    error_message = "There must be an image, for example `redis:7` or `123456789012.dkr.ecr.eu-central-1.amazonaws.com/tyk@sha256:…`."
  }

  validation {
    condition = alltrue([
      for port in var.definition.port[*] : port >= 1 && port <= 65535 && floor(port) == port
    ])
    error_message = "The port must be a whole number from 1 to 65535."
  }

  validation {
    condition     = !var.definition.public || var.definition.port != null
    error_message = "A public component must have a port."
  }

  validation {
    condition     = alltrue([for path in var.definition.config_path[*] : startswith(path, "/") && path != "/"])
    error_message = "The config path must be absolute and not the root itself, for example `/conf`."
  }

  validation {
    condition = alltrue([
      for arn in values(var.definition.secrets) : can(regex("^arn:aws[a-z-]*:(secretsmanager|ssm):", arn))
    ])
    error_message = "Each secret must be the ARN of a Secrets Manager secret or an SSM parameter, never a value."
  }

  validation {
    condition     = length(setsubtract(keys(var.definition.hooks), ["on_create", "on_reap"])) == 0
    error_message = "The hooks are `on_create` and `on_reap`."
  }

  validation {
    condition = alltrue([
      for hook in values(var.definition.hooks) : hook.image != "" && !can(regex("\\s", hook.image)) && length(hook.command) > 0
    ])
    error_message = "Each hook must have an image and a command, for example `{ image = \"mongo:7\", command = [\"mongosh\"] }`."
  }

  validation {
    condition = contains(lookup({
      "256"   = [512, 1024, 2048]
      "512"   = range(1024, 4096 + 1, 1024)
      "1024"  = range(2048, 8192 + 1, 1024)
      "2048"  = range(4096, 16384 + 1, 1024)
      "4096"  = range(8192, 30720 + 1, 1024)
      "8192"  = range(16384, 61440 + 1, 4096)
      "16384" = range(32768, 122880 + 1, 8192)
    }, var.definition.cpu, []), var.definition.memory)
    error_message = "CPU (units) and memory (MiB) must be a size that Fargate has, for example 256 and 512."
  }
}

variable "parked" {
  description = "Whether the environment is parked, for example `true`: no task runs, and everything else stays."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags of all resources, at least `env`, `managed` and `component`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(setsubtract(["env", "managed", "component"], keys(var.tags))) == 0
    error_message = "There must be the tags `env`, `managed` and `component`, which mark the resources of gromit."
  }
}
