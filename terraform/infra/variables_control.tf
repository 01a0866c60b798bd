variable "image" {
  description = "Image of gromit for all parts, preferably with a digest, for example `123456789012.dkr.ecr.eu-central-1.amazonaws.com/gromit@sha256:…`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^\\s:@]+(:[0-9]+)?/[^\\s]+(:|@sha256:)[^\\s]+$", var.image)) && !endswith(var.image, ":latest")
    error_message = "The image must have a host and a tag or digest other than `latest`, so that the release is known."
  }
}

variable "gateway_certificate_arn" {
  description = "Existing ACM certificate for `gateway.<domain>`, for example `arn:aws:acm:eu-central-1:123456789012:certificate/…`. Without it this root creates one and validates it in the zone."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = var.gateway_certificate_arn == "" || can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/", var.gateway_certificate_arn))
    error_message = "The certificate must be the ARN of an ACM certificate, for example `arn:aws:acm:eu-central-1:123456789012:certificate/…`."
  }
}

variable "certificate_authorities" {
  description = "Public authorities that may give certificates for names in the domain, by the names they have in CAA records, for example `[\"amazon.com\", \"letsencrypt.org\"]`. An empty list allows every authority."
  type        = set(string)
  nullable    = false
  default     = ["amazon.com"]

  validation {
    condition     = alltrue([for name in var.certificate_authorities : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", name))])
    error_message = "Each authority must be a DNS name, for example `letsencrypt.org`."
  }

  validation {
    condition     = length(var.certificate_authorities) == 0 || var.gateway_certificate_arn != "" || length(setintersection(var.certificate_authorities, ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"])) > 0
    error_message = "Without `amazon.com`, ACM cannot create the certificate of the gateway."
  }
}

variable "serve_cidrs" {
  description = "Ranges outside the VPC that reach serve, at port 8443 of `serve.<domain>`, for example `[\"192.0.2.0/24\"]` for people in an office or a Tyk gateway elsewhere. Without ranges serve has no listener, and people forward a port through the bastion."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for range in var.serve_cidrs : can(cidrnetmask(range)) && can(regex("/(8|9|[12][0-9]|3[0-2])$", range))])
    error_message = "Each range must be IPv4 and not wider than /8, for example `192.0.2.0/24`: serve must not be open to the whole world."
  }
}

variable "metrics_cidrs" {
  description = "Ranges that reach the metrics of serve, at its port 8080, for example `[\"10.91.40.7/32\"]` for a Prometheus. Metrics need no certificate, so in the VPC only ranges of up to 16 addresses are admitted: a wider one would admit environments."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for range in var.metrics_cidrs : can(cidrnetmask(range)) && can(regex("/(8|9|[12][0-9]|3[0-2])$", range))])
    error_message = "Each range must be IPv4 and not wider than /8, for example `192.0.2.7/32`: metrics must not be open to the whole world."
  }

  # Two ranges overlap if they are the same with the shorter of both prefixes.
  validation {
    condition = alltrue([
      for range in var.metrics_cidrs : try(tonumber(split("/", range)[1]) >= 28 || (
        cidrhost("${split("/", range)[0]}/${min(split("/", range)[1], split("/", var.vpc_cidr)[1])}", 0) !=
        cidrhost("${split("/", var.vpc_cidr)[0]}/${min(split("/", range)[1], split("/", var.vpc_cidr)[1])}", 0)
      ), true)
    ])
    error_message = "A range that overlaps the VPC must be /28 or narrower, for example `10.91.40.7/32`: a wider one would admit environments."
  }
}

variable "leaves" {
  description = "Certificates besides those of the parts, by name, for example `{ alice = { role = \"operator\" } }`. On the volume `certs` only pki and the bastion see them."
  nullable    = false
  default     = { operator = { role = "operator" } }

  type = map(object({
    role = string
    sans = optional(list(string), [])
  }))

  validation {
    condition     = alltrue([for leaf in values(var.leaves) : contains(["gateway", "worker", "operator", "developer", "viewer", "server"], leaf.role)])
    error_message = "Each role must be gateway, worker, operator, developer, viewer or server."
  }

  validation {
    condition     = alltrue([for name in keys(var.leaves) : !contains(["serve", "serve-peer", "gateway", "gateway-front", "worker", "ca"], name)])
    error_message = "The names serve, serve-peer, gateway, gateway-front, worker and ca are reserved."
  }
}

variable "settings" {
  description = "Further settings of all parts, as environment variables, for example `{ GROMIT_REPOS = \"tyk,tyk-analytics\" }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^GROMIT_[A-Z_]+$", name)) && !endswith(name, "_KEY")])
    error_message = "Each setting must be a `GROMIT_…` variable, and must not be a key: settings hold no secrets."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), ["GROMIT_GATEWAY_LOGIN_CLIENT_SECRET", "GROMIT_GATEWAY_LOGIN_KEYS"])) == 0
    error_message = "The secrets of logins belong into Secrets Manager: set their ARNs in `login`."
  }
}

variable "terraform_cloud" {
  description = "Organisation with the states of base and infra, a token with which the doctor checks their workspaces, and the workspaces of other roots, for example `{ organization = \"example\", token_secret_arn = \"arn:aws:secretsmanager:…\", workspaces = [\"backup-prod\"] }`. Without it the doctor skips that check. The token needs to read runs, and no state."
  nullable    = false
  default     = {}

  type = object({
    organization     = optional(string, "")
    token_secret_arn = optional(string, "")
    workspaces       = optional(list(string), [])
  })

  validation {
    condition     = (var.terraform_cloud.organization == "") == (var.terraform_cloud.token_secret_arn == "")
    error_message = "Set both the organisation and the secret with its token, or neither."
  }

  validation {
    condition     = var.terraform_cloud.token_secret_arn == "" || can(regex("^arn:aws[a-z-]*:secretsmanager:[^*]*$", var.terraform_cloud.token_secret_arn))
    error_message = "The token must be the ARN of a Secrets Manager secret, never a value."
  }

  validation {
    condition     = alltrue([for name in var.terraform_cloud.workspaces : can(regex("^[A-Za-z0-9_-]+$", name))])
    error_message = "Each workspace must be the name of one, for example `backup-prod`."
  }
}

variable "alarms" {
  description = "Receivers of alarms, by mail and by endpoints that confirm a subscription themselves (AWS Chatbot does), the limits of alarms, and how long logs are kept: those of sow and reap, in which the output of Terraform is, for `run_days`, for example `{ emails = [\"platform@example.com\"] }`."
  nullable    = false
  default     = {}

  type = object({
    emails         = optional(set(string), [])
    chat           = optional(set(string), [])
    sow_minutes    = optional(number, 120)
    undone_hours   = optional(number, 48)
    reap_hours     = optional(number, 12)
    failed_runs    = optional(number, 5)
    leaf_days      = optional(number, 7)
    ca_days        = optional(number, 60)
    quota_percent  = optional(number, 80)
    retention_days = optional(number, 90)
    run_days       = optional(number, 30)
  })

  validation {
    condition     = alltrue([for address in var.alarms.emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "Each must be a mail address, for example `platform@example.com`."
  }

  validation {
    condition     = alltrue([for url in var.alarms.chat : startswith(url, "https://")])
    error_message = "Each endpoint must be a URL `https://…`."
  }
}
