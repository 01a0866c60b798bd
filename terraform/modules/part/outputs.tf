output "part" {
  description = "Name, task definition, roles and security group, for the modules service and schedule."
  value = {
    name               = var.name
    task_definition    = aws_ecs_task_definition.this.arn
    task_role_arn      = aws_iam_role.task.arn
    execution_role_arn = aws_iam_role.execution.arn
    security_group_id  = aws_security_group.this.id
  }
}

output "security_group_id" {
  description = "Id of the part's security group, for rules: known before its task definition."
  value       = aws_security_group.this.id
}

output "log_group" {
  description = "Name of the log group of the part."
  value       = aws_cloudwatch_log_group.this.name
}

output "task_role" {
  description = "Name of the task role."
  value       = aws_iam_role.task.name
}
