variable "name" {
  description = "Name of the volume, for example `config`; its full name begins with `gromit-`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "The name must be a lower-case DNS label of at most 40 characters."
  }
}

variable "user" {
  description = "User and group id that every client of an access point acts as, for example 1000."
  type        = number
  nullable    = false

  validation {
    condition     = var.user >= 0 && var.user <= 65535 && floor(var.user) == var.user
    error_message = "The user must be a whole number from 0 to 65535."
  }
}

variable "root" {
  description = "Folder that the access point of the whole volume shows, for example `/gromit`, which is then created closed to other users; `/` is the root of the volume."
  type        = string
  nullable    = false
  default     = "/"

  validation {
    condition     = can(regex("^/[a-z]*$", var.root))
    error_message = "The root must be `/` or a folder right below it, for example `/gromit`."
  }
}

variable "folders" {
  description = "Folders with an access point of their own, by the name of the access point, for example `{ serve = \"/gromit/pki/serve\" }`."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for path in values(var.folders) : startswith(path, "/") && path != "/" && !endswith(path, "/")])
    error_message = "Each folder must be an absolute path other than the root, for example `/gromit/pki/serve`."
  }
}

variable "readable_by_all" {
  description = "Whether every client that reaches a mount target may read, for example true for config that containers without a role read; if false, a role needs a permission and its access point."
  type        = bool
  nullable    = false
  default     = false
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
