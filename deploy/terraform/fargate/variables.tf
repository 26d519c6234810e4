variable "region" {
  description = "The region."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "The name of the cluster and of all that goes with it; 20 characters at most."
  type        = string
  default     = "mcp"
}

variable "image" {
  description = "The image, with its tag or digest."
  type        = string
}

variable "architecture" {
  description = "The processor that the image is built for: ARM64 or X86_64."
  type        = string
  default     = "ARM64"
}

variable "cpu" {
  description = "CPU of a task, in 1/1024 of a processor."
  type        = number
  default     = 256
}

variable "memory_mib" {
  description = "Memory of a task in MiB, two to eight times its CPU."
  type        = number
  default     = 512
}

variable "min_tasks" {
  description = "Tasks that always run; two survive the loss of a zone."
  type        = number
  default     = 2
}

variable "max_tasks" {
  description = "Tasks at most."
  type        = number
  default     = 10
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "public_subnets" {
  description = "Subnets of the load balancer, in two zones at least."
  type        = list(string)
}

variable "private_subnets" {
  description = "Subnets of the tasks, with a way to ECR, CloudWatch Logs and Secrets Manager."
  type        = list(string)
}

variable "client_cidr" {
  description = "The addresses that may reach the load balancer."
  type        = string
  default     = "0.0.0.0/0"
}

variable "domain_name" {
  description = "The name by which clients know the server, such as mcp.example.com."
  type        = string
}

variable "certificate_arn" {
  description = "A certificate of ACM for it, in this region."
  type        = string
}

variable "hosted_zone_id" {
  description = "The Route 53 zone of the name; without it, point the name at the output `load_balancer`."
  type        = string
  default     = ""
}

variable "api_keys" {
  description = "Lines of NAME sha256:DIGEST SCOPE…, separated by commas. They hold digests, not keys."
  type        = string
  sensitive   = true
}

variable "deletion_protection" {
  description = "Whether the load balancer has to be let go before it can be deleted."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
}

variable "alarm_email" {
  description = "Who is told of alarms; nobody if empty."
  type        = string
  default     = ""
}

variable "latency_alarm_seconds" {
  description = "The 99th percentile of response times above which there is an alarm."
  type        = number
  default     = 5
}

variable "charges_alarm_usd" {
  description = "The account's estimated charges of a month above which there is an alarm; in us-east-1 only."
  type        = number
  default     = 100
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
  default     = {}
}
