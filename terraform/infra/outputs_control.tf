output "serve_url" {
  description = "URL of serve for people with a certificate: that of its listener, or without `serve_cidrs` that of a port which is forwarded through the bastion."
  value       = lookup(module.balancer.urls, "serve", "https://localhost:8443")
}

output "gateway_url" {
  description = "URL of the gateway, for release workflows with a token."
  value       = module.balancer.urls["gateway"]
}

output "alarms_topic_arn" {
  description = "ARN of the alarm topic, for further subscriptions."
  value       = aws_sns_topic.alarms.arn
}
