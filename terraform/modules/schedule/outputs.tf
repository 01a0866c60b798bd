output "rules" {
  description = "Names of the EventBridge rules that run it."
  value       = keys(aws_cloudwatch_event_rule.this)
}
