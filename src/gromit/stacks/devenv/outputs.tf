output "task_definitions" {
  description = "Component to the ARN of the task definition that its service must run for the environment to be as wanted."
  value       = { for name, component in module.component : name => component.task_definition_arn }
}
