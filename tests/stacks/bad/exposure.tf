# Resources that are open to the world, each in its own way.

resource "aws_security_group" "bad_inline" {
  ingress {
    protocol    = "tcp"
    from_port   = 8443
    to_port     = 8443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group_rule" "bad_half_of_the_world" {
  security_group_id = "sg-0a1b"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = ["10.0.0.0/8", "128.0.0.0/1"]
}

resource "aws_security_group_rule" "bad_ssh_of_version_6" {
  security_group_id = "sg-0a1b"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  ipv6_cidr_blocks  = ["::/0"]
}

resource "aws_security_group_rule" "bad_ssh_unlisted" {
  security_group_id = "sg-0a1b"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = ["203.0.113.9/32"]
}

resource "aws_security_group_rule" "bad_more_than_ssh" {
  security_group_id = "sg-0a1b"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 23
  cidr_blocks       = var.ssh
}

resource "aws_security_group_rule" "bad_prefix_list" {
  security_group_id = "sg-0a1b"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_ids   = ["pl-0a1b"]
}

resource "aws_subnet" "bad" {
  vpc_id                  = "vpc-0a1b"
  cidr_block              = "10.0.0.0/24"
  map_public_ip_on_launch = true
}

resource "aws_instance" "bad_public" {
  ami                         = "ami-0a1b"
  instance_type               = "t4g.nano"
  associate_public_ip_address = true

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted = true
  }
}

resource "aws_ecs_service" "bad" {
  name            = "worker"
  task_definition = "worker:1"

  network_configuration {
    subnets          = ["subnet-0a1b"]
    assign_public_ip = true
  }
}

resource "aws_eip" "bad" {
  tags = {}
}

resource "aws_s3_bucket" "bad_public" {
  bucket = "example-public"
  acl    = "public-read"

  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        sse_algorithm = "aws:kms"
      }
    }
  }
}

resource "aws_s3_bucket_public_access_block" "half" {
  bucket              = aws_s3_bucket.bad_public.id
  block_public_acls   = true
  block_public_policy = true
}

resource "aws_sns_topic_policy" "bad" {
  arn    = "arn:aws:sns:eu-central-1:123456789012:alarms"
  policy = data.aws_iam_policy_document.everybody.json
}

data "aws_iam_policy_document" "everybody" {
  statement {
    actions   = ["sns:Publish"]
    resources = ["arn:aws:sns:eu-central-1:123456789012:alarms"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}

resource "aws_lb_listener" "bad" {
  load_balancer_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/x/0a1b"
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/x/0a1b"
  }
}
