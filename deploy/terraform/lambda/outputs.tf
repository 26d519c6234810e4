output "url" {
  description = "What clients are given; they sign with IAM."
  value       = "${aws_lambda_function_url.server.function_url}mcp"
}

output "role" {
  description = "Give it the policies that the tools need."
  value       = aws_iam_role.server.name
}
