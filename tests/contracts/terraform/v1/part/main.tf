variable "name" {
  type = string
}

variable "port" {
  type = number
}

variable "env" {
  type = string
}

variable "cluster" {
  type = string
}

variable "namespace" {
  type = string
}

variable "platform" {
  type = any
}

variable "tags" {
  type = map(string)
}

resource "aws_ecs_task_definition" "td" {
  family                   = "${var.name}-${var.env}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  execution_role_arn       = var.platform.execution_role_arn
  cpu                      = 256
  memory                   = 512
  tags                     = var.tags

  container_definitions = jsonencode([{
    name         = var.name
    image        = "redis:6"
    portMappings = [{ containerPort = var.port }]
  }])
}

resource "aws_service_discovery_service" "sds" {
  name = var.name

  dns_config {
    namespace_id   = var.namespace
    routing_policy = "MULTIVALUE"

    dns_records {
      ttl  = 60
      type = "A"
    }
  }
}

resource "aws_security_group" "sg" {
  name   = "${var.env}-${var.name}"
  vpc_id = var.platform.vpc_id
  tags   = var.tags

  ingress {
    from_port   = var.port
    to_port     = var.port
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_ecs_service" "service" {
  name             = var.name
  cluster          = var.cluster
  task_definition  = aws_ecs_task_definition.td.id
  desired_count    = 1
  launch_type      = "FARGATE"
  platform_version = "1.4.0"
  tags             = var.tags

  network_configuration {
    subnets          = var.platform.public_subnets
    security_groups  = [aws_security_group.sg.id]
    assign_public_ip = true
  }

  service_registries {
    registry_arn = aws_service_discovery_service.sds.arn
  }
}
