locals {
  name = "gromit-${var.name}"
  arn  = "${var.place.region}:${var.place.account_id}"

  # Not below /gromit/: workers create and delete the log groups of environments there.
  log_group = "/gromit-control/${var.name}"

  # The volume at `/certs` is named `certs`. The image writes only to /tmp, which is a volume of the task.
  volumes = { for path, volume in var.volumes : trimprefix(path, "/") => merge(volume, { path = path }) }

  # Values that ECS fills in are written out, or a second plan would remove them again.
  container = merge({
    name                   = var.name
    image                  = var.image
    essential              = true
    cpu                    = var.size.cpu
    memory                 = var.size.memory
    command                = var.command
    environment            = [for key, value in merge({ AWS_REGION = var.place.region }, var.environment) : { name = key, value = value }]
    secrets                = [for key, arn in var.secrets : { name = key, valueFrom = arn }]
    portMappings           = [for port in var.ports : { containerPort = port, hostPort = port, protocol = "tcp" }]
    volumesFrom            = []
    readonlyRootFilesystem = true

    # The longest that Fargate allows: a worker needs it to let a running terraform save its state.
    stopTimeout = 120

    mountPoints = concat(
      [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }],
      [for name, volume in local.volumes : { sourceVolume = name, containerPath = volume.path, readOnly = !volume.writable }],
    )

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.place.region
        awslogs-stream-prefix = var.name
      }
    }
    }, {
    # ECS ignores the HEALTHCHECK of an image. A part with ports repeats it here, with all values that ECS would fill in.
    for key in(length(var.ports) > 0 ? ["healthCheck"] : []) : key => {
      command     = ["CMD", "python", "/opt/gromit/healthy.py"]
      interval    = 30
      timeout     = 15
      retries     = 3
      startPeriod = 60
    }
  })
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every group with its own key, and secrets are masked before they are logged
  # checkov:skip=CKV_AWS_338:the retention of logs is an input, and costs money
  name              = local.log_group
  retention_in_days = var.retention_days
  tags              = var.place.tags
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  cpu                      = var.size.cpu
  memory                   = var.size.memory
  container_definitions    = jsonencode([local.container])
  tags                     = var.place.tags

  volume {
    name = "tmp"
  }

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.key

      efs_volume_configuration {
        file_system_id     = volume.value.file_system_id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = volume.value.access_point_id
          iam             = "ENABLED"
        }
      }
    }
  }

  # A task that starts without its permissions fails, and that looks like a fault of the part.
  depends_on = [aws_iam_role_policy.task, aws_iam_role_policy_attachment.task, aws_iam_role_policy.execution]

  # Services and schedules name the new revision before the old one is removed. An apply that is interrupted in between leaves them on
  # a revision that ECS still starts.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5:the modules service and schedule attach it
  name        = local.name
  description = "gromit ${var.name}"
  vpc_id      = var.place.vpc_id
  tags        = merge(var.place.tags, { Name = local.name })
}

# AWS and the registries over HTTPS. The root adds what the part reaches in the VPC, and who reaches the part. The catalogue decides on
# which ports programs listen.
resource "aws_security_group_rule" "egress" {
  for_each = merge({
    https = { ports = [443, 443], cidr = "0.0.0.0/0" }
    }, var.asks_programs ? {
    programs = { ports = [80, 65535], cidr = "0.0.0.0/0" }
  } : {})

  security_group_id = aws_security_group.this.id
  description       = "gromit ${var.name} to ${each.key}"
  type              = "egress"
  protocol          = "tcp"
  from_port         = each.value.ports[0]
  to_port           = each.value.ports[1]
  cidr_blocks       = [each.value.cidr]
}
