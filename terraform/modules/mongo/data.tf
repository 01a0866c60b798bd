# The data: on a volume of its own, which no replacement of the host touches.
resource "aws_ebs_volume" "data" {
  # checkov:skip=CKV2_AWS_9:terraform/backup, another root, chooses what is copied by the tag
  # checkov:skip=CKV_AWS_189:encrypted with the account's key for EBS, which needs no policy of its own

  availability_zone = var.vpc.zone
  size              = var.volume_gib
  type              = "gp3"
  encrypted         = true
  tags              = merge(var.tags, { Name = "${local.full_name}-data", backup = "mongo" }) # terraform/backup goes by this tag

  lifecycle {
    prevent_destroy = true
  }
}

# Never detached from a running host, where AWS would wait for it to be unmounted: a host that is replaced shuts down, which stops
# the server in order, and lets go of the volume when it is gone; only then does the next one exist that it can be attached to.
resource "aws_volume_attachment" "data" {
  device_name  = "/dev/sdf"
  volume_id    = aws_ebs_volume.data.id
  instance_id  = module.host.id
  skip_destroy = true
}
