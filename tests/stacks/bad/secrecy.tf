# Resources that are unencrypted, or have more permissions than they need.

resource "aws_efs_file_system" "bad" {
  tags = {}
}

resource "aws_ebs_volume" "bad" {
  availability_zone = "eu-central-1a"
  size              = 8
}

resource "aws_instance" "bad_disk" {
  ami           = "ami-0a1b"
  instance_type = "t4g.nano"

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted = true
  }

  ebs_block_device {
    device_name = "/dev/sdf"
    volume_size = 8
  }
}

resource "aws_instance" "bad_imds" {
  ami           = "ami-0a1b"
  instance_type = "t4g.nano"

  root_block_device {
    encrypted = true
  }
}

resource "aws_launch_template" "bad" {
  image_id = "ami-0a1b"

  metadata_options {
    http_tokens = "required"
  }

  block_device_mappings {
    device_name = "/dev/sda1"

    ebs {
      volume_size = 8
    }
  }
}

resource "aws_s3_bucket" "bad_clear" {
  bucket = "example-clear"
}

resource "aws_s3_bucket_public_access_block" "whole" {
  bucket                  = aws_s3_bucket.bad_clear.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_dynamodb_table" "bad" {
  name         = "table"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "name"

  attribute {
    name = "name"
    type = "S"
  }
}

resource "aws_sns_topic" "bad_clear" {
  name = "clear"
}

resource "aws_sns_topic" "bad_key" {
  name              = "alarms"
  kms_master_key_id = "alias/aws/sns"
}

resource "aws_ecs_task_definition" "bad" {
  family                = "task"
  container_definitions = "[]"

  volume {
    name = "config"

    efs_volume_configuration {
      file_system_id = "fs-0a1b"
    }
  }
}

resource "aws_kms_key" "bad" {
  description = "never rotated"
}

resource "aws_cloudwatch_log_group" "bad" {
  name = "for-ever"
}

resource "aws_iam_role_policy" "bad" {
  role   = "role"
  policy = data.aws_iam_policy_document.wide.json
}

data "aws_iam_policy_document" "wide" {
  statement {
    actions   = ["s3:*", "ecr:GetAuthorizationToken", "ecr:PutImage"]
    resources = ["*"]
  }

  statement {
    not_actions   = ["iam:CreateUser"]
    not_resources = ["arn:aws:s3:::example"]
  }
}

resource "aws_iam_user_policy_attachment" "bad" {
  user       = "user"
  policy_arn = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"
}

resource "aws_iam_access_key" "this" {
  user = "user"
}

output "bad_key" {
  value = nonsensitive(aws_iam_access_key.this.secret)
}

output "bad_sensitive" {
  value     = "x"
  sensitive = true
}
