variable "region" {
  description = "Any region of the zone's account, for example `eu-central-1`; Route53 itself has no regions."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be an AWS region, for example `eu-central-1`."
  }
}

variable "domain" {
  description = "Domain of the environments, for example `dev.example.com`; terraform/infra creates its zone in Route53."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?){2,}$", var.domain))
    error_message = "The domain must be a subdomain in lower case without a dot at its end, for example `dev.example.com`."
  }
}

variable "cloudflare_zone_id" {
  description = "Id of the parent zone at Cloudflare, for example the 32 hexadecimal digits on its overview page."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.cloudflare_zone_id))
    error_message = "The zone must be an id of 32 hexadecimal digits."
  }
}

variable "cloudflare_token" {
  description = "API token that may edit DNS of that zone only, for example from TF_VAR_cloudflare_token; never from a file."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = length(var.cloudflare_token) >= 20
    error_message = "The token is too short for a Cloudflare token."
  }
}
