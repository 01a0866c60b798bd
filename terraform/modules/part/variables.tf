variable "name" {
  description = "Name of the part and its container, for example `serve`; the names of its resources end with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.name))
    error_message = "The name must be a lower-case DNS label of at most 20 characters: load balancers have short names."
  }
}

variable "image" {
  description = "Image of the container, for example `123456789012.dkr.ecr.eu-central-1.amazonaws.com/gromit@sha256:…`."
  type        = string
  nullable    = false

  validation {
    condition     = var.image != "" && !can(regex("\\s", var.image))
    error_message = "There must be an image, for example `ghcr.io/example/gromit:1.2.3`."
  }
}

variable "repositories" {
  description = "ARNs of the ECR repositories that the image may be pulled from, for example `[\"arn:aws:ecr:eu-central-1:123456789012:repository/gromit\"]`."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for arn in var.repositories : can(regex("^arn:aws[a-z-]*:ecr:[^*]*$", arn))])
    error_message = "Each must be the ARN of an ECR repository, without a wildcard."
  }
}

variable "command" {
  description = "Arguments of the image's entry point, for example `[\"sow\", \"/config\"]`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.command) > 0
    error_message = "There must be a command, for example `[\"serve\"]`."
  }
}

variable "environment" {
  description = "Environment variables, none of them secret, for example `{ GROMIT_SERVE_URL = \"https://serve.internal:8443\" }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for text in values(var.environment) : !strcontains(text, "-----BEGIN")])
    error_message = "A variable must not hold a key or certificate itself: give the path of its file."
  }
}

variable "secrets" {
  description = "Environment variables that ECS fills from Secrets Manager, each with the ARN of its secret, for example `{ GROMIT_PKI_CA_KEY = \"arn:aws:secretsmanager:…\" }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:aws[a-z-]*:secretsmanager:[^*]*$", arn))])
    error_message = "Each secret must be the ARN of a Secrets Manager secret, never a value."
  }
}

variable "volumes" {
  description = "EFS volumes, each with the folder that it is mounted at, for example `{ \"/certs\" = { file_system_id = \"fs-0a1b\", access_point_id = \"fsap-0a1b\" } }`."
  nullable    = false
  default     = {}

  type = map(object({
    file_system_id  = string
    access_point_id = string
    writable        = optional(bool, false)
  }))

  validation {
    condition     = alltrue([for path in keys(var.volumes) : can(regex("^/[a-z]+$", path))])
    error_message = "Each volume must be mounted at a folder right below the root, for example `/certs`."
  }
}

variable "size" {
  description = "CPU (units) and memory (MiB) of a task, for example `{ cpu = 256, memory = 512 }`."
  nullable    = false
  default     = { cpu = 256, memory = 512 }

  type = object({
    cpu    = number
    memory = number
  })

  validation {
    condition = contains(lookup({
      "256"   = [512, 1024, 2048]
      "512"   = range(1024, 4096 + 1, 1024)
      "1024"  = range(2048, 8192 + 1, 1024)
      "2048"  = range(4096, 16384 + 1, 1024)
      "4096"  = range(8192, 30720 + 1, 1024)
      "8192"  = range(16384, 61440 + 1, 4096)
      "16384" = range(32768, 122880 + 1, 8192)
    }, var.size.cpu, []), var.size.memory)
    error_message = "CPU and memory must be a size that Fargate has, for example 256 and 512."
  }
}

variable "ports" {
  description = "Ports that the part listens on, for example `[8443]`."
  type        = list(number)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for port in var.ports : port >= 1024 && port <= 65535 && floor(port) == port])
    error_message = "Each port must be a whole number from 1024 to 65535: the image does not run as root."
  }
}

variable "asks_programs" {
  description = "Whether the part asks programs of environments at their public addresses, on any port, for example `true`."
  type        = bool
  nullable    = false
  default     = false
}

variable "policies" {
  description = "Policies (JSON) of the task role, besides those for its volumes, for example `[data.aws_iam_policy_document.serve.json]`."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for document in var.policies : can(jsondecode(document).Statement)])
    error_message = "Each policy must be the JSON of an IAM policy."
  }
}

variable "managed_policies" {
  description = "Further policies (JSON) of the task role by name, for example `{ records = data.aws_iam_policy_document.records.json }`. Each becomes a managed policy, which does not count towards IAM's limit for the policies in a role."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for document in values(var.managed_policies) : can(jsondecode(document).Statement)])
    error_message = "Each policy must be the JSON of an IAM policy."
  }
}

variable "retention_days" {
  description = "Days until log events expire, for example 90."
  type        = number
  nullable    = false
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653], var.retention_days)
    error_message = "The days must be a number that CloudWatch has, for example 30, 90 or 365."
  }
}

variable "place" {
  description = "Account and network of the part, the policy that limits its roles, and the tags of all resources, at least `managed`; for example `{ account_id = \"123456789012\", region = \"eu-central-1\", vpc_id = \"vpc-0a1b\", boundary = \"arn:aws:iam::123456789012:policy/gromit-boundary\", tags = { managed = \"gromit\" } }`."
  nullable    = false

  type = object({
    account_id = string
    region     = string
    vpc_id     = string
    boundary   = string
    tags       = map(string)
  })

  validation {
    condition     = startswith(var.place.vpc_id, "vpc-")
    error_message = "The VPC must be an id `vpc-…`."
  }

  validation {
    condition     = can(regex("^[0-9]{12}$", var.place.account_id))
    error_message = "The account must be an id of twelve digits."
  }

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/", var.place.boundary))
    error_message = "The boundary must be the ARN of an IAM policy."
  }

  validation {
    condition     = contains(keys(var.place.tags), "managed") && !contains(keys(var.place.tags), "env")
    error_message = "There must be the tag `managed`, and no tag `env`: workers may change resources with that tag."
  }
}
