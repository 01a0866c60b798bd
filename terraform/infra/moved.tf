# The gateway had a load balancer of its own. Its target group and its name stay, and only the load balancer is replaced.

moved {
  from = module.gateway_balancer.aws_lb.this
  to   = module.balancer.aws_lb.this
}

moved {
  from = module.gateway_balancer.aws_lb_listener.this
  to   = module.balancer.aws_lb_listener.this["gateway"]
}

moved {
  from = module.gateway_balancer.aws_lb_target_group.this
  to   = module.balancer.aws_lb_target_group.this["gateway"]
}

moved {
  from = module.gateway_balancer.aws_route53_record.this
  to   = module.balancer.aws_route53_record.this["gateway"]
}
