# A stack like that of gromit v1: the same kinds of resources, names and tags, at addresses that ours does not have.
terraform {
  required_providers {
    aws = {
      source = "registry.terraform.io/hashicorp/aws"
    }
  }

  backend "s3" {
    key          = "devenv"
    use_lockfile = true
  }
}

provider "aws" {
  region = var.platform.region
}

variable "name" {
  type = string
}

variable "parked" {
  type = bool
}

variable "components" {
  type = any
}

variable "platform" {
  type = object({
    vpc_id             = string
    public_subnets     = list(string)
    execution_role_arn = string
    region             = string
  })
}

locals {
  tags = {
    env     = var.name
    managed = "automation"
  }
}

resource "aws_ecs_cluster" "env" {
  name = var.name
  tags = local.tags
}

resource "aws_cloudwatch_log_group" "env" {
  name              = var.name
  retention_in_days = 1
  tags              = local.tags
}

resource "aws_service_discovery_private_dns_namespace" "internal" {
  name = "${var.name}.internal"
  vpc  = var.platform.vpc_id
}

module "gateway" {
  source    = "./part"
  name      = "tyk"
  port      = 8181
  env       = var.name
  cluster   = aws_ecs_cluster.env.arn
  namespace = aws_service_discovery_private_dns_namespace.internal.id
  platform  = var.platform
  tags      = local.tags
}

module "portal" {
  source    = "./part"
  name      = "portal"
  port      = 3001
  env       = var.name
  cluster   = aws_ecs_cluster.env.arn
  namespace = aws_service_discovery_private_dns_namespace.internal.id
  platform  = var.platform
  tags      = local.tags
}

output "task_definitions" {
  value = {}
}
