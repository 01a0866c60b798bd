# A service with the name `serve.internal` and no load balancer.
module "service" {
  source = "../.."

  namespaces = { internal = "ns-0a1b2c3d" }

  place = {
    cluster         = "arn:aws:ecs:eu-central-1:123456789012:cluster/internal"
    private_subnets = ["subnet-0a1b2c3d"]
    tags            = { managed = "example" }
  }

  part = {
    name              = "serve"
    task_definition   = "arn:aws:ecs:eu-central-1:123456789012:task-definition/gromit-serve:1"
    security_group_id = "sg-0a1b2c3d"
  }
}
