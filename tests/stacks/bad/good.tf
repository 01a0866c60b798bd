# The correct form of the bad resources in the other files.

variable "ssh" {
  type    = list(string)
  default = ["198.51.100.0/24"]
}

resource "aws_security_group_rule" "ssh" {
  security_group_id = "sg-0a1b"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = var.ssh
}

resource "aws_security_group_rule" "inside" {
  security_group_id = "sg-0a1b"
  type              = "ingress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["10.91.0.0/16"]
}

resource "aws_security_group_rule" "out" {
  security_group_id = "sg-0a1b"
  type              = "egress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group" "balancer" {
  name = "balancer"

  ingress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_lb" "this" {
  security_groups = [aws_security_group.balancer.id]
  subnets         = ["subnet-0a1b", "subnet-0a1c"]
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b"

  default_action {
    type             = "forward"
    target_group_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/x/0a1b"
  }
}

resource "aws_eip" "nat" {
  tags = {}
}

resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = "subnet-0a1b"
}

resource "aws_s3_bucket" "this" {
  bucket = "example"

  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        sse_algorithm = "aws:kms"
      }
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_instance" "this" {
  ami           = "ami-0a1b"
  instance_type = "t4g.nano"

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted = true
  }
}

resource "aws_kms_key" "this" {
  enable_key_rotation = true
}

resource "aws_sns_topic" "this" {
  name              = "topic"
  kms_master_key_id = aws_kms_key.this.arn
}

resource "aws_iam_role_policy" "this" {
  role   = "role"
  policy = data.aws_iam_policy_document.narrow.json
}

data "aws_iam_policy_document" "narrow" {
  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action supports no resources
  }

  statement {
    actions   = ["ecs:StopTask"]
    resources = ["*"] # of one cluster: see the condition

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["arn:aws:ecs:eu-central-1:123456789012:cluster/internal"]
    }
  }
}

output "key_id" {
  value = aws_iam_access_key.this.id
}

resource "aws_vpc_endpoint" "this" {
  vpc_id       = "vpc-0a1b"
  service_name = "com.amazonaws.eu-central-1.s3"
  policy       = data.aws_iam_policy_document.everybody.json
}
