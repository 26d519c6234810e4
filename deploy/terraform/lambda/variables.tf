variable "region" {
  description = "The region."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "The function's name, and that of all that goes with it."
  type        = string
  default     = "mcp"
}

variable "zip" {
  description = "The zip with the binary `bootstrap`, such as that of `cargo lambda build --output-format zip`."
  type        = string
}

variable "state_key" {
  description = "64 hexadecimal digits (openssl rand -hex 32), the same for all processes."
  type        = string
  sensitive   = true
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.state_key))
    error_message = "state_key has to be 64 hexadecimal digits."
  }
}

variable "architecture" {
  description = "The processor that the binary is built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "memory_mib" {
  description = "Memory of the function in MiB; its processor grows with it."
  type        = number
  default     = 256
}

variable "timeout_seconds" {
  description = "How long an invocation may take, 900 s at most."
  type        = number
  default     = 60
}

variable "reserved_concurrency" {
  description = "How many invocations may run at once."
  type        = number
  default     = 50
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

variable "latency_alarm_ms" {
  description = "The 99th percentile of durations, in milliseconds, above which there is an alarm."
  type        = number
  default     = 10000
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
