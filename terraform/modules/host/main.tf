locals {
  tags = merge(var.tags, { Name = var.name })
}

# Not every provider version that we allow has EC2's own argument for this.
resource "terraform_data" "user_data" {
  input = sha256(var.user_data)
}

resource "aws_instance" "this" {
  # checkov:skip=CKV_AWS_126:metrics every five minutes are enough for machines that nothing scales by

  ami                         = var.ami
  instance_type               = var.instance_type
  ebs_optimized               = true
  subnet_id                   = var.subnet_id
  associate_public_ip_address = var.has_public_address
  vpc_security_group_ids      = var.security_groups
  key_name                    = var.key_pair == "" ? null : var.key_pair
  iam_instance_profile        = aws_iam_instance_profile.this.name
  user_data                   = var.user_data
  tags                        = local.tags

  # Only version 2 of the metadata service, and no container behind another hop.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted             = true
    volume_type           = "gp3"
    volume_size           = var.root_gib
    delete_on_termination = true
    tags                  = local.tags # not `volume_tags`, which a data volume would get as well
  }

  # A changed first start needs another machine: cloud-init does not run it again.
  lifecycle {
    replace_triggered_by = [terraform_data.user_data]
  }

  depends_on = [aws_iam_role_policy.session, aws_iam_role_policy.more]
}
