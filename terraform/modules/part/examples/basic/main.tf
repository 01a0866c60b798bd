# A part that reads one volume and one table.
data "aws_iam_policy_document" "look" {
  statement {
    actions   = ["dynamodb:GetItem"]
    resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/DeveloperEnvironments"]
  }
}

module "part" {
  source = "../.."

  name     = "example"
  image    = "ghcr.io/example/gromit:1.2.3"
  command  = ["serve"]
  policies = [data.aws_iam_policy_document.look.json]

  volumes = {
    "/certs" = { file_system_id = "fs-0a1b2c3d", access_point_id = "fsap-0a1b2c3d" }
  }

  place = {
    vpc_id     = "vpc-0a1b2c3d"
    boundary   = "arn:aws:iam::123456789012:policy/gromit-boundary"
    region     = "eu-central-1"
    account_id = "123456789012"
    tags       = { managed = "example" }
  }
}
