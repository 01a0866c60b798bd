# terraform/base writes its ids to this parameter. This root does not read the state of base.
data "aws_ssm_parameter" "base" {
  name = "/gromit/base"

  lifecycle {
    postcondition {
      condition = length(setsubtract([
        "config_file_system_id", "certs_file_system_id", "config_access_point_id", "certs_access_point_id",
        "certs_part_access_points", "state_bucket", "registry", "registries", "ca_key_secret_arn",
      ], keys(jsondecode(nonsensitive(self.value))))) == 0
      error_message = "The parameter /gromit/base lacks fields: first apply terraform/base of this release."
    }

    postcondition {
      condition     = jsondecode(nonsensitive(self.value)).registry == "${var.account_id}.dkr.ecr.${var.region}.amazonaws.com"
      error_message = "The registries of /gromit/base are not those of account ${var.account_id} in ${var.region}: base was applied elsewhere."
    }
  }
}

data "aws_caller_identity" "this" {
  lifecycle {
    postcondition {
      condition     = self.account_id == var.account_id
      error_message = "The credentials are those of account ${self.account_id}, not of ${var.account_id}: check your AWS profile."
    }
  }
}
