output "name_servers" {
  description = "Name servers that the domain is delegated to."
  value       = sort([for record in cloudflare_dns_record.this : record.content])
}
