variable "name" {
  description = "Name of the network, for example `gromit`; the names of its resources begin with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "The name must begin with a letter and have at most 31 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of the network, for example `eu-central-1`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be an AWS region, for example `eu-central-1`."
  }
}

variable "cidr" {
  description = "IPv4 range of the VPC, for example `10.91.0.0/16`; each public and private subnet gets one sixteenth of it."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.cidr)) && can(regex("/(1[6-9]|20)$", var.cidr))
    error_message = "The range must be IPv4 and between /16 and /20, for example `10.91.0.0/16`."
  }
}

variable "zones" {
  description = "Letters of the availability zones, for example `[\"a\", \"b\", \"c\"]`. Add later ones at the end: the order decides the ranges."
  type        = list(string)
  nullable    = false
  default     = ["a", "b", "c"]

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 7 && length(distinct(var.zones)) == length(var.zones)
    error_message = "There must be two to seven different zones."
  }

  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^[a-z]$", zone))])
    error_message = "Each zone must be the last letter of its name, for example `a`."
  }
}

variable "endpoints" {
  description = "AWS services with an endpoint in each private subnet, for example `[\"ecr.api\", \"logs\"]`. Each costs by the hour and zone."
  type        = set(string)
  nullable    = false
  default     = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]

  validation {
    condition     = alltrue([for service in var.endpoints : can(regex("^[a-z0-9]+([.-][a-z0-9]+)*$", service))])
    error_message = "Each endpoint must be the short name of a service, for example `ecr.api`."
  }
}

variable "tags" {
  description = "Tags of all resources, for example `{ managed = \"gromit\" }`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = !contains(keys(var.tags), "Name")
    error_message = "The module sets the tag `Name` itself."
  }
}
