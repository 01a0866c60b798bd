variable "account_id" {
  description = "AWS account of all resources, for example `123456789012`; the plan fails with credentials of another one."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account must be an id of twelve digits."
  }
}

variable "region" {
  description = "Region of all resources, for example `eu-central-1`; base must be in the same one."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be an AWS region, for example `eu-central-1`."
  }
}

variable "domain" {
  description = "Domain of the environments, for example `dev.example.com`; this root creates its zone."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", var.domain))
    error_message = "The domain must be a lower-case DNS name without a dot at its end, for example `dev.example.com`."
  }
}

variable "installation" {
  description = "Name of this installation, for example `team-a`: its environments' resources and DNS records carry it. Needed if another installation uses the account or the zone; empty: none."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = var.installation == "" || can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", var.installation))
    error_message = "The name must be a lower-case DNS label of at most 40 characters, for example `team-a`."
  }
}

variable "table" {
  description = "Name of the table of environments, for example `DeveloperEnvironments-2` after a restore; Terraform refuses to replace the table, so import another one first."
  type        = string
  nullable    = false
  default     = "DeveloperEnvironments"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table))
    error_message = "The name must have 3 to 255 letters, digits, `_`, `.` or `-`, for example `DeveloperEnvironments-2`."
  }
}

variable "vpc_cidr" {
  description = "IPv4 range of the VPC, for example `10.91.0.0/16`; it cannot be changed later."
  type        = string
  nullable    = false
  default     = "10.91.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && can(regex("/(1[6-9]|20)$", var.vpc_cidr))
    error_message = "The range must be IPv4 and between /16 and /20, for example `10.91.0.0/16`."
  }
}

variable "zones" {
  description = "Letters of the availability zones, at least two, for example `[\"a\", \"b\", \"c\"]`. Add later ones at the end."
  type        = list(string)
  nullable    = false
  default     = ["a", "b", "c"]

  validation {
    condition     = length(var.zones) >= 2 && length(distinct(var.zones)) == length(var.zones)
    error_message = "There must be at least two different zones."
  }
}

variable "endpoints" {
  description = "AWS services with an endpoint in the VPC, for example `[\"ecr.api\", \"ecr.dkr\", \"logs\", \"secretsmanager\"]`; traffic to all others passes the NAT, which is cheaper below some terabytes a month."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for service in var.endpoints : can(regex("^[a-z0-9]+([.-][a-z0-9]+)*$", service))])
    error_message = "Each endpoint must be the short name of a service, for example `ecr.api`."
  }
}

variable "ami_parameter" {
  description = "SSM parameter with the newest AMI for Mongo hosts, for example AWS's for Amazon Linux 2023, or your own."
  type        = string
  nullable    = false
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"

  validation {
    condition     = startswith(var.ami_parameter, "/")
    error_message = "The parameter must be a full path, for example `/aws/service/…`."
  }
}

variable "bastion_ami_parameter" {
  description = "SSM parameter with the newest AMI for the bastion, for example AWS's for Amazon Linux 2023 on x86-64, on which gromit's image runs."
  type        = string
  nullable    = false
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

  validation {
    condition     = startswith(var.bastion_ami_parameter, "/")
    error_message = "The parameter must be a full path, for example `/aws/service/…`."
  }
}

variable "bastion" {
  description = "Instance type of the bastion, and for ssh an existing key pair and the ranges that may connect, for example `{ key_pair = \"platform\", ssh_cidrs = [\"192.0.2.0/24\"] }`. Without ranges the bastion has no public address."
  nullable    = false
  default     = {}

  type = object({
    instance_type = optional(string, "t3.micro")
    key_pair      = optional(string, "")
    ssh_cidrs     = optional(list(string), [])
  })

  validation {
    condition     = length(var.bastion.ssh_cidrs) == 0 || var.bastion.key_pair != ""
    error_message = "Ssh ranges need a key pair: name one that `aws ec2 describe-key-pairs` lists."
  }

  validation {
    condition     = alltrue([for cidr in var.bastion.ssh_cidrs : can(cidrnetmask(cidr)) && can(regex("/(8|9|[12][0-9]|3[0-2])$", cidr))])
    error_message = "Each ssh range must be IPv4 and not wider than /8, for example `192.0.2.0/24`: ssh must not be open to the whole world."
  }
}

variable "tags" {
  description = "Tags of all resources besides `managed`, for example `{ cost-centre = \"platform\" }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !contains(["managed", "Name", "backup"], key) && !startswith(key, "aws:")])
    error_message = "The tags `managed`, `Name`, `backup` and `aws:…` are reserved."
  }
}
