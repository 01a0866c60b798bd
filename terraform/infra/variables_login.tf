variable "login" {
  description = "Logins of people at the gateway: the OpenID Connect provider, its clients, the ARNs of the secrets with the client's secret and with the keys that sign sessions, patterns of people for each role, and the highest role that serve accepts, for example `{ issuer = \"https://login.example.com\", client_id = \"gromit\", keys_secret_arn = \"arn:aws:secretsmanager:…\", viewers = [\"email=*@example.com\"] }`. Without an issuer people cannot log in. Further settings of logins go into `settings`."
  nullable    = false
  default     = {}

  type = object({
    issuer            = optional(string, "")
    client_id         = optional(string, "")
    client_secret_arn = optional(string, "")
    command_client_id = optional(string, "")
    keys_secret_arn   = optional(string, "")
    viewers           = optional(list(string), [])
    developers        = optional(list(string), [])
    operators         = optional(list(string), [])
    repositories      = optional(list(string), [])
    highest_role      = optional(string, "developer")
  })

  validation {
    condition     = var.login.issuer == "" || (startswith(var.login.issuer, "https://") && var.login.client_id != "" && var.login.keys_secret_arn != "")
    error_message = "An issuer is an https URL, and needs `client_id` and `keys_secret_arn`."
  }

  validation {
    condition     = alltrue([for arn in [var.login.client_secret_arn, var.login.keys_secret_arn] : arn == "" || can(regex("^arn:aws[a-z-]*:secretsmanager:[^*]*$", arn))])
    error_message = "The secrets must be ARNs of Secrets Manager secrets, never values."
  }

  validation {
    condition     = contains(["none", "viewer", "developer", "operator"], var.login.highest_role)
    error_message = "The highest role must be none, viewer, developer or operator."
  }
}
