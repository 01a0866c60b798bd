variable "watch" {
  description = "Parts that always run and react within a second, of sow and chitragupta, for example `[\"chitragupta\"]`. Otherwise sow runs every 37 minutes, and chitragupta every 13 minutes and whenever a task of an environment starts or stops."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = length(setsubtract(var.watch, ["sow", "chitragupta"])) == 0
    error_message = "Only sow and chitragupta can watch, for example `[\"chitragupta\"]`."
  }
}

variable "sow_tasks" {
  description = "Tasks of sow that watch at the same time, for example 4. Each one has `worker_size`, and runs as many terraforms at once; serve gives each environment to one of them. More than 1 needs sow in `watch`: a scheduled pass begins in one task, and may overlap with the next one."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.sow_tasks >= 1 && var.sow_tasks <= 50 && floor(var.sow_tasks) == var.sow_tasks
    error_message = "There must be a whole number of tasks, from 1 to 50: beyond that AWS's rates are the limit."
  }

  validation {
    condition     = var.sow_tasks == 1 || contains(var.watch, "sow")
    error_message = "Only a sow that watches can have several tasks: add it to `watch`."
  }
}

variable "serve_tasks" {
  description = "Tasks of serve, for example 2. They share the table, and each one follows the changes that the others record. One is enough for a thousand environments; with two the API goes on while one is replaced."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.serve_tasks >= 1 && var.serve_tasks <= 4 && floor(var.serve_tasks) == var.serve_tasks
    error_message = "There must be a whole number of tasks, from 1 to 4: each one follows all others, and Cloud Map's answer has 8 addresses, those of tasks that are replaced included."
  }
}

variable "worker_size" {
  description = "CPU (units) and memory (MiB) of sow and reap, for example `{ cpu = 2048, memory = 4096 }`: each terraform needs up to 610 MiB."
  nullable    = false
  default     = { cpu = 2048, memory = 4096 }

  type = object({
    cpu    = number
    memory = number
  })

  validation {
    condition     = var.worker_size.memory >= 1024
    error_message = "The memory must be at least 1024 MiB: gromit itself needs 256, and one terraform 610."
  }
}

variable "serve_size" {
  description = "CPU (units) and memory (MiB) of serve, for example `{ cpu = 512, memory = 1024 }`, which is enough for a thousand environments."
  nullable    = false
  default     = { cpu = 512, memory = 1024 }

  type = object({
    cpu    = number
    memory = number
  })

  validation {
    condition     = var.serve_size.memory >= 512
    error_message = "The memory must be at least 512 MiB."
  }
}
