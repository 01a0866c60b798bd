# Plans with a mocked provider: what is encrypted, who sees which folder, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_efs_file_system" {
    defaults = { arn = "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-0a1b" }
  }

  mock_resource "aws_efs_access_point" {
    defaults = { arn = "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0a1b" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Statement\": []}" }
  }
}

variables {
  name    = "certs"
  user    = 1000
  root    = "/gromit"
  folders = { serve = "/gromit/pki/serve" }
  tags    = { managed = "gromit" }
}

run "closed" {
  command = plan

  assert {
    condition     = aws_efs_file_system.this.encrypted && aws_efs_file_system.this.tags.backup == "efs"
    error_message = "The volume is not encrypted, or not backed up."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.this.statement : "${statement.sid} ${statement.effect}"] == ["TlsOnly Deny", "ByAccessPointOnly Deny"]
    error_message = "The policy of the volume allows something, or does not deny what it should."
  }

  assert {
    condition     = aws_efs_access_point.folder["serve"].root_directory[0].path == "/gromit/pki/serve" && length(aws_efs_access_point.folder["serve"].root_directory[0].creation_info) == 0
    error_message = "An access point shows another folder, or lets AWS create it."
  }

  assert {
    condition     = aws_efs_access_point.whole.root_directory[0].creation_info[0].permissions == "0700"
    error_message = "Other users may enter the folder."
  }
}

run "readable_by_all" {
  command = plan
  variables {
    user            = 0
    root            = "/"
    readable_by_all = true
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.this.statement : statement.sid] == ["ReadableByAll", "RootByAccessPoint", "TlsOnly"]
    error_message = "Clients cannot read, or may do more."
  }

  assert {
    condition     = length(aws_efs_access_point.whole.root_directory[0].creation_info) == 0
    error_message = "AWS would create the root of a volume."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "a_name_with_a_dot" {
  command = plan
  variables {
    name = "certs.dev"
  }
  expect_failures = [var.name]
}

run "half_a_user" {
  command = plan
  variables {
    user = 0.5
  }
  expect_failures = [var.user]
}

run "a_root_that_is_not_absolute" {
  command = plan
  variables {
    root = "gromit"
  }
  expect_failures = [var.root]
}

run "a_folder_that_is_the_root" {
  command = plan
  variables {
    folders = { serve = "/" }
  }
  expect_failures = [var.folders]
}

run "no_tags" {
  command = plan
  variables {
    tags = {}
  }
  expect_failures = [var.tags]
}
