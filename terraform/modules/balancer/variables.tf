variable "name" {
  description = "Name of the part behind it, for example `serve`; also its name in the zone."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.name))
    error_message = "The name must be a lower-case DNS label of at most 20 characters: load balancers have short names."
  }
}

variable "certificate_arn" {
  description = "ACM certificate that it shows, for example `arn:aws:acm:eu-central-1:123456789012:certificate/…`; without one TLS passes through."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = var.certificate_arn == "" || can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "The certificate must be the ARN of an ACM certificate."
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
  description = "Port and protocol of the health check, which asks for `/healthcheck`, for example `{ port = 8080, protocol = \"HTTP\" }`."
  nullable    = false

  type = object({
    port     = number
    protocol = string
  })

  validation {
    condition     = contains(["HTTP", "HTTPS"], var.health.protocol)
    error_message = "The protocol must be HTTP or HTTPS: the part would log a bare connection as a failed handshake."
  }
}

variable "place" {
  description = "VPC of the tasks behind it, its public subnets, one in each availability zone, the Route53 zone of its name, and the tags of all resources, at least `managed`; for example `{ vpc_id = \"vpc-0a1b\", public_subnets = [\"subnet-0a1b\"], zone_id = \"Z0A1B\", domain = \"dev.example.com\", tags = { managed = \"gromit\" } }`."
  nullable    = false

  type = object({
    vpc_id         = string
    public_subnets = list(string)
    zone_id        = string
    domain         = string
    tags           = map(string)
  })

  validation {
    condition     = startswith(var.place.vpc_id, "vpc-")
    error_message = "The VPC must be an id `vpc-…`."
  }

  validation {
    condition     = length(var.place.public_subnets) > 0 && alltrue([for subnet in var.place.public_subnets : startswith(subnet, "subnet-")])
    error_message = "There must be at least one subnet, each an id `subnet-…`."
  }

  validation {
    condition     = can(regex("^[A-Z0-9]+$", var.place.zone_id)) && can(regex("^[a-z0-9.-]+$", var.place.domain))
    error_message = "The zone needs its id `Z…` and its domain in lower case."
  }

  validation {
    condition     = contains(keys(var.place.tags), "managed")
    error_message = "There must be the tag `managed`."
  }
}
