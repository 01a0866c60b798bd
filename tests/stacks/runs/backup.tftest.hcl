# Plans with a mocked provider; the emulator cannot apply this root.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/gromit-backup" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  account_id = "123456789012"
  region     = "eu-central-1"
}

run "both_kinds_of_volumes_are_backed_up" {
  command = plan

  assert {
    condition = {
      for kind, selection in aws_backup_selection.this : kind => [for tag in selection.selection_tag : "${tag.type} ${tag.key} ${tag.value}"]
      } == {
      efs   = ["STRINGEQUALS backup efs"]
      mongo = ["STRINGEQUALS backup mongo"]
    }
    error_message = "The selections do not match the tags that base and infra set."
  }
}

run "backups_are_nightly_and_kept" {
  command = plan

  assert {
    condition     = one(aws_backup_plan.this.rule).schedule == "cron(0 3 * * ? *)" && one(one(aws_backup_plan.this.rule).lifecycle).delete_after == 35
    error_message = "Backups have another schedule or retention."
  }
}

run "only_aws_backup_may_assume_the_role" {
  command = plan

  assert {
    condition     = one(data.aws_iam_policy_document.trust.statement[0].principals).identifiers == toset(["backup.amazonaws.com"])
    error_message = "Another principal may assume the role."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.trust.statement[0].condition).values == tolist(["123456789012"])
    error_message = "AWS Backup may assume the role for another account."
  }
}

run "a_retention_of_no_days_is_refused" {
  command = plan

  variables {
    kept_days = 0
  }

  expect_failures = [var.kept_days]
}

run "schedules_of_another_form_are_refused" {
  command = plan

  variables {
    schedule = "0 3 * * *"
  }

  expect_failures = [var.schedule]
}

run "other_accounts_are_refused" {
  command = plan

  variables {
    account_id = "example"
  }

  expect_failures = [var.account_id]
}

run "unknown_regions_are_refused" {
  command = plan

  variables {
    region = "frankfurt"
  }

  expect_failures = [var.region]
}
