# The data are on a volume of their own, which a replacement of the host does not touch.
resource "aws_ebs_volume" "data" {
  # checkov:skip=CKV2_AWS_9:terraform/backup, another root, selects volumes by the tag
  # checkov:skip=CKV_AWS_189:the account's EBS key encrypts it, which needs no policy of its own

  availability_zone = var.vpc.zone
  size              = var.volume_gib
  type              = "gp3"
  encrypted         = true
  tags              = merge(var.tags, { Name = "${local.full_name}-data", backup = "mongo" }) # terraform/backup selects by this tag

  lifecycle {
    prevent_destroy = true
  }
}

# The volume is never detached from a running host: AWS would wait until the host unmounts it. A host that is replaced shuts down
# first, which stops the server cleanly. The volume is free once that host is gone, and only then is the next one created.
resource "aws_volume_attachment" "data" {
  device_name  = "/dev/sdf"
  volume_id    = aws_ebs_volume.data.id
  instance_id  = module.host.id
  skip_destroy = true
}
