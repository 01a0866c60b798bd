variable "mongo" {
  description = "Mongo hosts by name, each with the letter of its availability zone, for example `{ mongo-0 = { zone = \"a\" } }`. If there are several, mark the one that environments use with `environments = true`."
  nullable    = false
  default     = { mongo-0 = { zone = "a" } }

  type = map(object({
    zone          = string
    instance_type = optional(string, "t4g.small")
    volume_gib    = optional(number, 50)
    server        = optional(string, "public.ecr.aws/docker/library/mongo:7.0")
    environments  = optional(bool, false)
  }))

  validation {
    condition     = alltrue([for name in keys(var.mongo) : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", name))])
    error_message = "Each host must be named by a lower-case DNS label of at most 40 characters."
  }

  validation {
    condition     = length(var.mongo) < 2 || length([for host in values(var.mongo) : host if host.environments]) == 1
    error_message = "Exactly one of several hosts must be the one that environments use: give it `environments = true`."
  }

  # `mongo.<domain>` is the name of the host that environments use.
  validation {
    condition     = length(var.mongo) < 2 || !contains(keys(var.mongo), "mongo") || try(var.mongo["mongo"].environments, false)
    error_message = "A host named `mongo` must be the one that environments use."
  }

  validation {
    condition     = length(setintersection(keys(var.mongo), ["bastion", "gateway", "serve"])) == 0
    error_message = "No host can be named `bastion`, `gateway` or `serve`: these names have other records."
  }
}

variable "mongo_server" {
  description = "Host and port of an existing Mongo server that environments use instead of a host of `mongo`, for example `mongo.dev.example.com:27017`, without user and password."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = var.mongo_server == "" || can(regex("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[1-9][0-9]{0,4}$", var.mongo_server))
    error_message = "The server must be a host and a port, for example `mongo.dev.example.com:27017`."
  }
}
