# An MCP server on AWS Lambda with a streamed Function URL, which lets in whom IAM knows.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = merge({ app = var.name }, var.tags)
  }
}

resource "aws_cloudwatch_log_group" "server" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "log" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.server.arn}:*"]
  }
  statement {
    # Traces know no resources.
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }
}

# May write its log and its traces, and nothing else. What the tools need is attached from outside, by the output `role`.
resource "aws_iam_role" "server" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "log" {
  name   = "log"
  role   = aws_iam_role.server.id
  policy = data.aws_iam_policy_document.log.json
}

resource "aws_lambda_function" "server" {
  function_name    = var.name
  role             = aws_iam_role.server.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  memory_size      = var.memory_mib
  timeout          = var.timeout_seconds
  # Limits what can be spent.
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = {
      MCP_STATE_KEY = var.state_key
      MCP_METRICS   = "emf"
      # Goes with `invoke_mode` below.
      MCP_LAMBDA_RESPONSE = "stream"
    }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.server.name
  }

  tracing_config {
    mode = "Active"
  }
}

resource "aws_lambda_function_url" "server" {
  function_name      = aws_lambda_function.server.function_name
  authorization_type = "AWS_IAM"
  invoke_mode        = "RESPONSE_STREAM"
}
