output "target_group_arn" {
  description = "ARN of the target group; it is only known once a listener uses it, so that a service can be put into it."
  value       = aws_lb_target_group.this.arn

  depends_on = [aws_lb_listener.this]
}

output "url" {
  description = "Where the world finds it."
  value       = "https://${aws_route53_record.this.name}"
}
