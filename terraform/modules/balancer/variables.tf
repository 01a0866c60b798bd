variable "name" {
  description = "Name of what stands behind it, for example `serve`; also its name in the zone."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.name))
    error_message = "The name must be a lower-case DNS label of at most 20 characters: load balancers have short names."
  }
}

variable "vpc_id" {
  description = "VPC of the tasks behind it, for example `vpc-0a1b`."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "The VPC must be an id `vpc-…`."
  }
}

variable "subnets" {
  description = "Public subnets that it stands in, one a zone, for example `[\"subnet-0a1b\"]`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnets) > 0 && alltrue([for subnet in var.subnets : startswith(subnet, "subnet-")])
    error_message = "There must be at least one subnet, each an id `subnet-…`."
  }
}

variable "certificate_arn" {
  description = "Certificate of ACM that it shows, for example `arn:aws:acm:eu-central-1:123456789012:certificate/…`; not given: TLS is passed through as it comes."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = var.certificate_arn == "" || can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "The certificate must be the ARN of one in ACM."
  }
}

variable "port" {
  description = "Port of the tasks behind it, for example 8443."
  type        = number
  nullable    = false
  default     = 8443

  validation {
    condition     = var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "The port must be a whole number from 1 to 65535."
  }
}

variable "health" {
  description = "Where the tasks are asked whether they live, at `/healthcheck`, for example `{ port = 8080, protocol = \"HTTP\" }`."
  nullable    = false

  type = object({
    port     = number
    protocol = string
  })

  validation {
    condition     = contains(["HTTP", "HTTPS"], var.health.protocol)
    error_message = "The protocol must be HTTP or HTTPS: a bare connection would count as a failed handshake in the log."
  }
}

variable "zone" {
  description = "Route53 zone that it gets its name in, for example `{ id = \"Z0A1B\", domain = \"dev.example.com\" }`."
  nullable    = false

  type = object({
    id     = string
    domain = string
  })

  validation {
    condition     = can(regex("^[A-Z0-9]+$", var.zone.id)) && can(regex("^[a-z0-9.-]+$", var.zone.domain))
    error_message = "The zone needs its id `Z…` and its domain in lower case."
  }
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
