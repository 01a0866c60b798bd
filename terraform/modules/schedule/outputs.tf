output "rules" {
  description = "Names of the EventBridge rules that start the part."
  value       = keys(aws_cloudwatch_event_rule.this)
}
