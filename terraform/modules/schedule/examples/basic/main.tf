# A worker that runs every 37 minutes.
module "schedule" {
  source = "../.."

  every = "rate(37 minutes)"

  place = {
    account_id      = "123456789012"
    boundary        = "arn:aws:iam::123456789012:policy/gromit-boundary"
    cluster         = "arn:aws:ecs:eu-central-1:123456789012:cluster/internal"
    private_subnets = ["subnet-0a1b2c3d"]
    tags            = { managed = "example" }
  }

  part = {
    name               = "sow"
    task_definition    = "arn:aws:ecs:eu-central-1:123456789012:task-definition/gromit-sow:1"
    task_role_arn      = "arn:aws:iam::123456789012:role/gromit-sow"
    execution_role_arn = "arn:aws:iam::123456789012:role/gromit-sow-execution"
    security_group_id  = "sg-0a1b2c3d"
  }
}
