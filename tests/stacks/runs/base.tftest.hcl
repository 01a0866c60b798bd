# Plans with a mocked provider: which resources follow from the catalogue, and which values are refused.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:eu-central-1:123456789012:repository/mocked"
      repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mocked"
    }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  account_id   = "123456789012"
  region       = "eu-central-1"
  organization = "example"
}

run "every_repository_of_the_catalogue_has_a_registry" {
  command = plan

  assert {
    condition     = keys(output.registries) == ["gromit", "tyk", "tyk-analytics", "tyk-identity-broker", "tyk-pump", "tyk-sink"]
    error_message = "The registries are not those of the shipped catalogue and gromit's own."
  }

  assert {
    condition     = length(output.push_key_secrets) == 0 && keys(output.push_roles) == keys(output.registries)
    error_message = "A repository has a long-lived key, or no role."
  }
}

run "only_repositories_that_ask_for_a_key_have_one" {
  command = plan

  variables {
    push_keys = ["tyk", "tyk-pump"]
  }

  assert {
    condition     = keys(output.push_key_secrets) == ["tyk", "tyk-pump"]
    error_message = "A repository lacks its key, or has one that it did not ask for."
  }

  assert {
    condition     = length(output.push_roles) == 6
    error_message = "A repository lost its role."
  }
}

run "a_component_of_gromits_own_repository_is_refused" {
  command = plan

  variables {
    catalogue = "tests/own.yaml"
  }

  expect_failures = [aws_iam_openid_connect_provider.github]
}

run "a_key_for_an_unknown_repository_is_refused" {
  command = plan

  variables {
    push_keys = ["tyk-pmup"]
  }

  expect_failures = [aws_iam_openid_connect_provider.github]
}

run "keys_for_a_pattern_of_repositories_are_refused" {
  command = plan

  variables {
    push_keys = ["tyk*"]
  }

  expect_failures = [var.push_keys]
}

run "wildcard_organisations_are_refused" {
  command = plan

  variables {
    organization = "*"
  }

  expect_failures = [var.organization]
}

run "several_names_are_no_organisation" {
  command = plan

  variables {
    organization = "example/tyk"
  }

  expect_failures = [var.organization]
}

run "wildcard_ids_of_organisations_are_refused" {
  command = plan

  variables {
    organization_id = "*"
  }

  expect_failures = [var.organization_id]
}

run "a_bare_wildcard_for_refs_is_refused" {
  command = plan

  variables {
    refs = ["*"]
  }

  expect_failures = [var.refs]
}

run "refs_of_pull_requests_are_refused" {
  command = plan

  variables {
    refs = ["refs/heads/master", "refs/pull/*"]
  }

  expect_failures = [var.refs]
}

run "no_refs_are_refused" {
  command = plan

  variables {
    refs = []
  }

  expect_failures = [var.refs]
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

run "a_missing_catalogue_is_refused" {
  command = plan

  variables {
    catalogue = "nowhere.yaml"
  }

  expect_failures = [var.catalogue]
}

run "a_catalogue_that_extends_another_one_is_refused" {
  command = plan

  variables {
    catalogue = "tests/other.yaml"
  }

  expect_failures = [var.catalogue]
}

run "buckets_with_dots_are_refused" {
  command = plan

  variables {
    state_bucket = "terraform.state.dev"
  }

  expect_failures = [var.state_bucket]
}
