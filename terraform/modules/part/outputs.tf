output "part" {
  description = "What services and schedules need of it: name, task definition, roles, security group."
  value = {
    name               = var.name
    task_definition    = aws_ecs_task_definition.this.arn
    task_role_arn      = aws_iam_role.task.arn
    execution_role_arn = aws_iam_role.execution.arn
    security_group_id  = aws_security_group.this.id
  }
}

output "log_group" {
  description = "Name of the log group that it writes to."
  value       = aws_cloudwatch_log_group.this.name
}

output "task_role" {
  description = "Name of its task role."
  value       = aws_iam_role.task.name
}
