# In the place of infra's own platform: the resources that the control plane needs, created by the test.
variable "ground" {
  description = "All values of `local.platform` in infra, for example created by SDK calls."
  nullable    = false

  type = object({
    vpc_id                   = string
    vpc_cidr                 = string
    public_subnets           = list(string)
    public_cidrs             = list(string)
    private_subnets          = list(string)
    cluster_arn              = string
    cluster_name             = string
    namespace_id             = string
    zone_id                  = string
    domain                   = string
    installation             = string
    table_arn                = string
    table_name               = string
    config_file_system_id    = string
    certs_file_system_id     = string
    config_access_point_id   = string
    certs_access_point_id    = string
    certs_part_access_points = map(string)
    control_subnets          = list(string)
    mounts_security_group_id = string

    bastion_security_group_id = string
    config_security_group_id  = string
    state_bucket              = string
    registry                  = string
    registries                = map(string)
    ca_key_secret_arn         = string
    execution_role_arn        = string
    exec_role_arn             = string
    exec_components           = list(string)
    region                    = string
    key_pair                  = string
    account_id                = string
    tags                      = map(string)
  })
}

# Values of resources that infra creates in the same run are unknown before the apply, and so are these.
resource "terraform_data" "made" {
  input = var.ground
}

locals {
  limits = merge(var.ground, { cluster_arn = terraform_data.made.output.cluster_arn })

  platform = merge(var.ground, { boundary = aws_iam_policy.boundary.arn }, { for key in [
    "vpc_id", "public_subnets", "private_subnets", "cluster_arn", "namespace_id", "zone_id", "table_arn", "mounts_security_group_id", "control_subnets",
    "execution_role_arn", "bastion_security_group_id", "config_security_group_id",
  ] : key => terraform_data.made.output[key] })
}

# A validation of infra reads it.
variable "vpc_cidr" {
  description = "Range of the VPC."
  type        = string
  nullable    = false
}
