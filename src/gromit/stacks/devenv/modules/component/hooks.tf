locals {
  # A hook runs as the component does, but serves nothing.
  hook_containers = {
    for kind, hook in var.definition.hooks : kind => merge(local.container, {
      image        = hook.image
      entryPoint   = hook.command # whatever program the image starts
      command      = []
      portMappings = []
      dockerLabels = { "gromit.environment" = var.env, "gromit.component" = var.name, "gromit.hook" = kind }
      environment = concat(local.container.environment, [
        { name = "GROMIT_ENVIRONMENT", value = var.env },
        { name = "GROMIT_HOOK", value = kind },
        { name = "GROMIT_MONGO", value = var.platform.mongo },
      ])
    })
  }
}

# gromit runs these tasks itself, once. No name of a component contains `--`, so that the family is not that of another component.
resource "aws_ecs_task_definition" "hook" {
  for_each = local.hook_containers

  family                   = "${local.full_name}--${replace(each.key, "_", "-")}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  execution_role_arn       = var.platform.execution_role_arn
  cpu                      = var.definition.cpu
  memory                   = var.definition.memory
  container_definitions    = jsonencode([each.value])
  tags                     = var.tags

  dynamic "volume" {
    for_each = aws_efs_access_point.config

    content {
      name = "config"

      efs_volume_configuration {
        file_system_id     = var.platform.file_system_id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = volume.value.id
          iam             = "DISABLED"
        }
      }
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}
