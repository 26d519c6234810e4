output "url" {
  description = "What clients are given."
  value       = "https://${var.domain_name}/mcp"
}

output "load_balancer" {
  description = "What the domain name points at, if not by hosted_zone_id."
  value       = aws_lb.server.dns_name
}

output "task_role" {
  description = "Give it the policies that the tools need."
  value       = aws_iam_role.task.name
}
