# The root `backup`, planned against a mocked provider; the emulator cannot apply it.

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

run "volumes_of_both_kinds_are_backed_up" {
  command = plan

  assert {
    condition = {
      for kind, selection in aws_backup_selection.this : kind => [for tag in selection.selection_tag : "${tag.type} ${tag.key} ${tag.value}"]
      } == {
      efs   = ["STRINGEQUALS backup efs"]
      mongo = ["STRINGEQUALS backup mongo"]
    }
    error_message = "The selections do not go by the tags that base and infra give."
  }
}

run "backups_are_nightly_and_kept" {
  command = plan

  assert {
    condition     = one(aws_backup_plan.this.rule).schedule == "cron(0 3 * * ? *)" && one(one(aws_backup_plan.this.rule).lifecycle).delete_after == 35
    error_message = "Backups are made or kept otherwise."
  }
}

run "aws_backup_alone_has_the_role" {
  command = plan

  assert {
    condition     = one(data.aws_iam_policy_document.trust.statement[0].principals).identifiers == toset(["backup.amazonaws.com"])
    error_message = "Somebody else has the role."
  }
}

run "backups_that_are_not_kept_are_refused" {
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
