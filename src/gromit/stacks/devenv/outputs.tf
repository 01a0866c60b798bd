output "task_definitions" {
  description = "Component to the ARN of the task definition that its service runs in the desired state."
  value       = { for name, component in module.component : name => component.task_definition_arn }
}
