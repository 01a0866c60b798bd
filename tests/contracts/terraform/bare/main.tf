# The inputs, the output and the backend of the real stack, with nothing that needs a provider.
terraform {
  backend "s3" {
    key          = "devenv"
    use_lockfile = true
  }
}

variable "name" {
  type = string
}

variable "platform" {
  type = object({ region = string })
}

variable "parked" {
  type = bool
}

variable "components" {
  type = map(object({ image = string, labels = map(string) }))
}

resource "terraform_data" "first" {
  input = var.name
}

resource "terraform_data" "component" {
  for_each = var.components
  input    = each.value.image

  provisioner "local-exec" {
    command = lookup({
      slow = "exec sleep 60"
      late = "for i in $(seq 600); do [ -e '${each.value.image}' ] && exit 3; sleep 0.1; done"
      bad  = "echo AKIAABCDEFGHIJKLMNOP; exit 3"
      leak = "echo $AWS_SECRET_ACCESS_KEY; exit 3"
    }, each.key, "true")
  }

  depends_on = [terraform_data.first]
}

output "task_definitions" {
  value = { for name, made in terraform_data.component : name => made.output }
}
