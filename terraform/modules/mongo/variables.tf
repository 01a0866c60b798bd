variable "name" {
  description = "Name of the host, for example `mongo-0`; also its name in the zone."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "The name must be a lower-case DNS label of at most 40 characters."
  }
}

variable "ami" {
  description = "AMI of the host, for example `ami-0a1b2c3d`. Another one replaces the host, but not its data."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", var.ami))
    error_message = "The AMI must be an id `ami-…`."
  }
}

variable "instance_type" {
  description = "Instance type, for example `t4g.small`, of a kind that shows volumes as NVMe devices."
  type        = string
  nullable    = false
  default     = "t4g.small"

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "The instance type must be an EC2 type, for example `t4g.small`."
  }
}

variable "server" {
  description = "Container image of the server, for example `public.ecr.aws/docker/library/mongo:7.0`."
  type        = string
  nullable    = false
  default     = "public.ecr.aws/docker/library/mongo:7.0"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9./_-]*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$", var.server))
    error_message = "The server must be a container image with a tag or a digest."
  }
}

variable "volume_gib" {
  description = "Size of the data volume in GiB, for example 50. A volume can grow, but never shrink."
  type        = number
  nullable    = false
  default     = 50

  validation {
    condition     = var.volume_gib >= 1 && var.volume_gib <= 16384 && floor(var.volume_gib) == var.volume_gib
    error_message = "The data volume must have 1 to 16384 whole GiB."
  }
}

variable "vpc" {
  description = "VPC, subnet and availability zone of the host, and the ranges of its clients by name, for example `{ id = \"vpc-0a1b\", clients = { private-a = \"10.91.128.0/20\" }, subnet_id = \"subnet-0a1b\", zone = \"eu-central-1a\" }`."
  nullable    = false

  type = object({
    id        = string
    clients   = map(string)
    subnet_id = string
    zone      = string
  })

  validation {
    condition     = startswith(var.vpc.id, "vpc-") && startswith(var.vpc.subnet_id, "subnet-") && length(var.vpc.clients) > 0 && alltrue([for range in values(var.vpc.clients) : can(cidrnetmask(range))])
    error_message = "The VPC must have an id `vpc-…`, IPv4 ranges of clients and a subnet `subnet-…`."
  }

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", var.vpc.zone))
    error_message = "The availability zone must be the subnet's, for example `eu-central-1a`."
  }
}

variable "dns" {
  description = "Route53 zone of the host's record, for example `{ zone_id = \"Z0A1B\", domain = \"dev.example.com\" }`."
  nullable    = false

  type = object({
    zone_id = string
    domain  = string
  })

  validation {
    condition     = can(regex("^[A-Z0-9]+$", var.dns.zone_id)) && can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.dns.domain))
    error_message = "The zone must have a Route53 id and a domain, for example `dev.example.com`."
  }
}

variable "boundary" {
  description = "ARN of the policy that limits the host's role, for example `arn:aws:iam::123456789012:policy/gromit-boundary`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/", var.boundary))
    error_message = "The boundary must be the ARN of an IAM policy."
  }
}

variable "tags" {
  description = "Tags of all resources, for example `{ managed = \"gromit\" }`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = !contains(keys(var.tags), "Name") && !contains(keys(var.tags), "backup")
    error_message = "The module sets the tags `Name` and `backup` itself."
  }
}
