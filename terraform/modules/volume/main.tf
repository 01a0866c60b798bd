locals {
  name = "gromit-${var.name}"
}

resource "aws_efs_file_system" "this" {
  # checkov:skip=CKV2_AWS_18:terraform/backup, another root, selects volumes by the tag
  # checkov:skip=CKV_AWS_184:AWS's own key encrypts it: a key of ours would cost by the month and keep out no one else
  creation_token = local.name
  encrypted      = true
  tags           = merge(var.tags, { Name = local.name, backup = "efs" }) # terraform/backup selects by this tag

  lifecycle {
    prevent_destroy = true
  }
}

# The whole volume, or the folder that holds all of it. AWS creates that folder at the first mount, closed to every other user.
resource "aws_efs_access_point" "whole" {
  # checkov:skip=CKV_AWS_329:which folder an access point shows is an input; the config root is the root of its volume
  file_system_id = aws_efs_file_system.this.id
  tags           = merge(var.tags, { Name = local.name })

  posix_user {
    uid = var.user
    gid = var.user
  }

  root_directory {
    path = var.root

    # The root of a volume exists from the beginning and is root's.
    dynamic "creation_info" {
      for_each = var.root == "/" ? [] : [var.user]

      content {
        owner_uid   = creation_info.value
        owner_gid   = creation_info.value
        permissions = "0700"
      }
    }
  }
}

# One folder of the volume each. A mount fails until the folder exists: without `creation_info` AWS creates neither the folder nor the
# folders above it, which would then belong to another user.
resource "aws_efs_access_point" "folder" {
  for_each = var.folders

  file_system_id = aws_efs_file_system.this.id
  tags           = merge(var.tags, { Name = "${local.name}-${each.key}" })

  posix_user {
    uid = var.user
    gid = var.user
  }

  root_directory {
    path = each.value
  }
}
