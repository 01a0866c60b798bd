output "serve_url" {
  description = "URL of serve, for people with a certificate."
  value       = module.serve_balancer.url
}

output "gateway_url" {
  description = "URL of the gateway, for release workflows with a token."
  value       = module.gateway_balancer.url
}

output "alarms_topic_arn" {
  description = "ARN of the alarm topic, for further subscriptions."
  value       = aws_sns_topic.alarms.arn
}
