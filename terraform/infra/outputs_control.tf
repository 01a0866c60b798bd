output "serve_url" {
  description = "Where people and their certificates find serve."
  value       = module.serve_balancer.url
}

output "gateway_url" {
  description = "Where release workflows and their tokens find the gateway."
  value       = module.gateway_balancer.url
}

output "alarms_topic_arn" {
  description = "ARN of the topic that alarms go to, for who wants to subscribe to it by other ways."
  value       = aws_sns_topic.alarms.arn
}
