# Plans with a mocked provider: which images expire, which repositories can push, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:eu-central-1:123456789012:repository/tyk" }
  }

  mock_resource "aws_iam_access_key" {
    defaults = { id = "a-key", secret = "its-secret" }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      id  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gromit/push/tyk-0a1b"
      arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gromit/push/tyk-0a1b"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  repository      = "tyk"
  kept_tags       = ["master", "v*", "release-*"]
  with_key        = true
  github_provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  boundary        = "arn:aws:iam::123456789012:policy/gromit-push-boundary"
  github          = { organization = "example", organization_id = "1234567", refs = ["refs/heads/*"] }
  tags            = { managed = "gromit" }
}

run "images_are_scanned_and_encrypted" {
  command = plan

  assert {
    condition     = aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Images are not scanned."
  }

  assert {
    condition     = length(aws_ecr_repository.this.encryption_configuration) == 1
    error_message = "Images are not encrypted."
  }
}

run "rules_that_keep_come_before_rules_that_expire" {
  command = plan

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules :
      "${rule.rulePriority} ${rule.selection.tagStatus} ${try(rule.selection.tagPatternList[0], "-")} ${rule.selection.countType} ${rule.selection.countNumber}"
      ] == [
      "1 tagged master imageCountMoreThan 9999",
      "2 tagged v* imageCountMoreThan 9999",
      "3 tagged release-* imageCountMoreThan 9999",
      "4 untagged - sinceImagePushed 7",
      "5 any - sinceImagePushed 14",
    ]
    error_message = "There are other rules, or they have another order."
  }
}

run "permissions_end_at_the_registry" {
  command = plan

  assert {
    condition = {
      for statement in data.aws_iam_policy_document.push.statement : statement.sid => tolist(statement.resources)
      } == {
      LogIn       = tolist(["*"])
      PushAndPull = tolist(["arn:aws:ecr:eu-central-1:123456789012:repository/tyk"])
    }
    error_message = "The permissions cover more than the registry."
  }

  assert {
    condition     = tolist(data.aws_iam_policy_document.push.statement[0].actions) == tolist(["ecr:GetAuthorizationToken"])
    error_message = "More than the login is allowed on everything."
  }
}

run "the_role_requires_audience_and_subject" {
  command = plan

  assert {
    condition = {
      for condition in data.aws_iam_policy_document.trust.statement[0].condition :
      condition.variable => "${condition.test} ${join(" ", condition.values)}"
      } == {
      "token.actions.githubusercontent.com:aud"                 = "StringEquals sts.amazonaws.com"
      "token.actions.githubusercontent.com:repository"          = "StringEquals example/tyk"
      "token.actions.githubusercontent.com:repository_owner_id" = "StringEquals 1234567"
      "token.actions.githubusercontent.com:sub" = join(" ", [
        "StringLike repo:example/tyk:ref:refs/heads/*",
        "repo:example-1234567/tyk-*:ref:refs/heads/*",
        "repo:example@1234567/tyk@*:ref:refs/heads/*",
      ])
    }
    error_message = "More than the repository's workflows may assume the role."
  }
}

run "without_the_organisations_id_repositories_are_literal" {
  command = plan

  variables {
    github = { organization = "example", refs = ["refs/heads/*"] }
  }

  assert {
    condition = {
      for condition in data.aws_iam_policy_document.trust.statement[0].condition :
      condition.variable => "${condition.test} ${join(" ", condition.values)}"
      } == {
      "token.actions.githubusercontent.com:aud" = "StringEquals sts.amazonaws.com"
      "token.actions.githubusercontent.com:sub" = "StringLike repo:example/tyk:ref:refs/heads/*"
    }
    error_message = "More than the repository's workflows may assume the role."
  }
}

run "the_key_goes_to_its_secret" {
  command = plan

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_version.push["tyk"].secret_string).AWS_SECRET_ACCESS_KEY == "its-secret"
    error_message = "The secret does not hold the key."
  }

  assert {
    condition     = output.key_secret_arn == aws_secretsmanager_secret.push["tyk"].arn
    error_message = "The output lacks the secret."
  }
}

run "without_a_key_there_is_no_user" {
  command = plan

  variables {
    with_key = false
  }

  assert {
    condition     = length(aws_iam_user.push) + length(aws_iam_access_key.push) + length(aws_secretsmanager_secret.push) == 0
    error_message = "There is a user that no one needs."
  }

  assert {
    condition     = output.key_secret_arn == ""
    error_message = "The output names a secret that does not exist."
  }
}

run "wildcard_organisations_are_refused" {
  command = plan

  variables {
    github = { organization = "*", refs = ["refs/heads/*"] }
  }

  expect_failures = [var.github]
}

run "several_names_are_no_organisation" {
  command = plan

  variables {
    github = { organization = "example/tyk", refs = ["refs/heads/*"] }
  }

  expect_failures = [var.github]
}

run "wildcard_ids_are_refused" {
  command = plan

  variables {
    github = { organization = "example", organization_id = "*", refs = ["refs/heads/*"] }
  }

  expect_failures = [var.github]
}

run "names_are_no_ids" {
  command = plan

  variables {
    github = { organization = "example", organization_id = "example", refs = ["refs/heads/*"] }
  }

  expect_failures = [var.github]
}

run "bare_wildcards_are_refused" {
  command = plan

  variables {
    github = { organization = "example", refs = ["*"] }
  }

  expect_failures = [var.github]
}

run "pull_requests_are_refused" {
  command = plan

  variables {
    github = { organization = "example", refs = ["refs/*"] }
  }

  expect_failures = [var.github]
}

run "without_a_ref_is_refused" {
  command = plan

  variables {
    github = { organization = "example", refs = [] }
  }

  expect_failures = [var.github]
}

run "other_providers_are_refused" {
  command = plan

  variables {
    github_provider = "arn:aws:iam::123456789012:oidc-provider/accounts.example.com"
  }

  expect_failures = [var.github_provider]
}

run "the_role_is_limited" {
  command = plan

  assert {
    condition     = aws_iam_role.push.permissions_boundary == var.boundary
    error_message = "The role has no boundary."
  }
}

run "a_boundary_that_is_no_policy_is_refused" {
  command = plan

  variables {
    boundary = "gromit-push-boundary"
  }

  expect_failures = [var.boundary]
}

run "names_that_ecr_refuses_are_refused" {
  command = plan

  variables {
    repository = "Tyk"
  }

  expect_failures = [var.repository]
}

run "keeping_everything_is_refused" {
  command = plan

  variables {
    kept_tags = ["*"]
  }

  expect_failures = [var.kept_tags]
}

run "duplicates_are_refused" {
  command = plan

  variables {
    kept_tags = ["master", "master"]
  }

  expect_failures = [var.kept_tags]
}

run "tags_are_required" {
  command = plan

  variables {
    tags = {}
  }

  expect_failures = [var.tags]
}

run "the_example_is_valid" {
  command = plan

  module {
    source = "./examples/basic"
  }
}
