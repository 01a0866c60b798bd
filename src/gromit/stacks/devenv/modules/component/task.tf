locals {
  # Values that ECS fills in are written out, or a second plan would remove them again.
  container = {
    name         = var.name
    image        = var.definition.image
    essential    = true
    cpu          = var.definition.cpu
    memory       = var.definition.memory
    command      = var.definition.command
    environment  = [for key, value in var.definition.environment : { name = key, value = value }]
    secrets      = [for key, arn in var.definition.secrets : { name = key, valueFrom = arn }]
    dockerLabels = var.definition.labels
    portMappings = [for port in var.definition.port[*] : { containerPort = port, hostPort = port, protocol = "tcp" }]
    mountPoints  = [for path in var.definition.config_path[*] : { sourceVolume = "config", containerPath = path, readOnly = true }]
    volumesFrom  = []

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = var.log_group
        awslogs-region        = var.platform.region
        awslogs-stream-prefix = var.name
      }
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.full_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  execution_role_arn       = var.platform.execution_role_arn
  task_role_arn            = var.definition.exec ? var.platform.exec_role_arn : null # for the agent of ECS Exec, else none
  cpu                      = var.definition.cpu
  memory                   = var.definition.memory
  container_definitions    = jsonencode([local.container])
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

  # The service moves to the new revision before the old one is removed, so an interrupted apply leaves it with a usable one.
  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = !var.definition.exec || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/", var.platform.exec_role_arn))
      error_message = "A component with `exec` needs the platform's `exec_role_arn`, the ARN of an IAM role."
    }
  }
}

# The container sees only its own folder of the config tree, and reads it as the user 65534, whatever user it runs as. All
# users may read the tree, but that user owns no file in it: the container could not write there even if its mount were not read-only.
resource "aws_efs_access_point" "config" {
  for_each = toset(var.definition.config_path[*])

  file_system_id = var.platform.file_system_id
  tags           = merge(var.tags, { Name = local.full_name })

  posix_user {
    uid = 65534
    gid = 65534
  }

  root_directory {
    path = "/${var.env}/${var.name}"
  }
}
