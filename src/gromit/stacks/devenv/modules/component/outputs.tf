output "task_definition_arn" {
  description = "ARN of the task definition, with its revision, that the service should run."
  value       = aws_ecs_task_definition.this.arn
}
