output "target_group_arn" {
  description = "ARN of the target group, known once a listener uses it: ECS refuses a service whose target group has no listener."
  value       = aws_lb_target_group.this.arn

  depends_on = [aws_lb_listener.this]
}

output "url" {
  description = "Public URL of the part behind it."
  value       = "https://${aws_route53_record.this.name}"
}
