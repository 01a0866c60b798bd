output "target_group_arns" {
  description = "Part to the ARN of its target group, known once a listener uses it: ECS refuses a service whose target group has no listener."
  value       = { for part, group in aws_lb_target_group.this : part => group.arn }

  depends_on = [aws_lb_listener.this]
}

output "security_group_id" {
  description = "Id of the load balancer's security group, for rules to the parts behind it."
  value       = aws_security_group.this.id
}

output "urls" {
  description = "Part to its public URL."
  value       = { for part, listener in var.listeners : part => "https://${aws_route53_record.this[part].name}${listener.port == 443 ? "" : ":${listener.port}"}" }
}
