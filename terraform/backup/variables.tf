variable "account_id" {
  description = "AWS account of the backed-up resources, for example `123456789012`; the plan fails with credentials of another one."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account must be an id of twelve digits."
  }
}

variable "region" {
  description = "Region of the backed-up resources, for example `eu-central-1`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be an AWS region, for example `eu-central-1`."
  }
}

variable "schedule" {
  description = "Start of backups in AWS's form and in UTC, for example `cron(0 3 * * ? *)` for three o'clock each night."
  type        = string
  default     = "cron(0 3 * * ? *)"
  nullable    = false

  validation {
    condition     = can(regex("^cron\\([^ ]+( [^ ]+){5}\\)$", var.schedule))
    error_message = "The schedule must be `cron(…)` with six fields."
  }
}

variable "kept_days" {
  description = "Days until a backup expires, for example 35."
  type        = number
  default     = 35
  nullable    = false

  validation {
    condition     = var.kept_days >= 1 && floor(var.kept_days) == var.kept_days
    error_message = "The days must be a whole number of at least 1."
  }
}
