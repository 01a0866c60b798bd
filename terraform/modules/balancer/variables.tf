variable "name" {
  description = "Name of the load balancer, for example `control`; its full name begins with `gromit-`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.name))
    error_message = "The name must be a lower-case DNS label of at most 20 characters: load balancers have short names."
  }
}

variable "listeners" {
  description = "Parts behind it by name, which is also the name in the zone: port of the listener, ranges that reach it, port of the tasks, health check (it asks for `/healthcheck`), and the ACM certificate that it shows; for example `{ gateway = { port = 443, cidrs = [\"192.0.2.0/24\"], target = 8443, health = { port = 8443, protocol = \"HTTPS\" }, certificate_arn = \"arn:aws:acm:eu-central-1:123456789012:certificate/…\" } }`. Without a certificate TLS passes through."
  nullable    = false

  type = map(object({
    port            = number
    cidrs           = set(string)
    target          = number
    certificate_arn = optional(string, "")

    health = object({
      port     = number
      protocol = string
    })
  }))

  validation {
    condition     = length(var.listeners) > 0 && alltrue([for name in keys(var.listeners) : can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", name))])
    error_message = "There must be at least one listener, each named by a lower-case DNS label of at most 20 characters."
  }

  validation {
    condition = alltrue(flatten([
      for listener in values(var.listeners) : [for port in [listener.port, listener.target, listener.health.port] : port >= 1 && port <= 65535 && floor(port) == port]
    ]))
    error_message = "Each port must be a whole number from 1 to 65535."
  }

  validation {
    condition     = length(distinct([for listener in values(var.listeners) : listener.port])) == length(var.listeners)
    error_message = "Each listener must have a port of its own: a network load balancer does not look into TLS."
  }

  validation {
    condition     = alltrue([for listener in values(var.listeners) : length(listener.cidrs) > 0 && alltrue([for range in listener.cidrs : can(cidrnetmask(range))])])
    error_message = "Each listener must have at least one IPv4 range, for example `192.0.2.0/24`."
  }

  validation {
    condition     = alltrue([for listener in values(var.listeners) : listener.certificate_arn == "" || can(regex("^arn:aws[a-z-]*:acm:", listener.certificate_arn))])
    error_message = "A certificate must be the ARN of an ACM certificate."
  }

  validation {
    condition     = alltrue([for listener in values(var.listeners) : contains(["HTTP", "HTTPS"], listener.health.protocol)])
    error_message = "The protocol of a health check must be HTTP or HTTPS: the part would log a bare connection as a failed handshake."
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
