output "id" {
  description = "Id of the file system."
  value       = aws_efs_file_system.this.id
}

output "access_point_id" {
  description = "Id of the access point of the whole volume."
  value       = aws_efs_access_point.whole.id
}

output "folder_access_point_ids" {
  description = "Name of each further access point to its id."
  value       = { for name, point in aws_efs_access_point.folder : name => point.id }
}
