# Alarms for errors, refusals, the 99th percentile, busy tasks and the account's charges, and a dashboard.

locals {
  balancer = { LoadBalancer = aws_lb.server.arn_suffix }
  counts = {
    HTTPCode_Target_5XX_Count = { threshold = 5, text = "The server answers with 5xx." }
    HTTPCode_ELB_5XX_Count    = { threshold = 5, text = "The load balancer had nobody to pass requests to." }
    HTTPCode_Target_4XX_Count = { threshold = 100, text = "Callers are turned away: above a limit (429), or without a credential (401, 403)." }
  }
}

resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  count     = var.alarm_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "count" {
  for_each            = local.counts
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/ApplicationELB"
  metric_name         = each.key
  dimensions          = local.balancer
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name          = "${var.name}-latency"
  alarm_description   = "One request of a hundred takes too long."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  dimensions          = local.balancer
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 3
  threshold           = var.latency_alarm_seconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "saturation" {
  alarm_name          = "${var.name}-saturation"
  alarm_description   = "The tasks are busy although there may be no more of them, or they come too late."
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = aws_ecs_cluster.server.name, ServiceName = aws_ecs_service.server.name }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 10
  threshold           = 85
  comparison_operator = "GreaterThanThreshold"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "charges" {
  # AWS publishes charges nowhere else.
  count               = var.region == "us-east-1" ? 1 : 0
  alarm_name          = "${var.name}-charges"
  alarm_description   = "The account's estimated charges of this month."
  namespace           = "AWS/Billing"
  metric_name         = "EstimatedCharges"
  dimensions          = { Currency = "USD" }
  statistic           = "Maximum"
  period              = 21600
  evaluation_periods  = 1
  threshold           = var.charges_alarm_usd
  comparison_operator = "GreaterThanThreshold"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_dashboard" "server" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      {
        type = "metric", x = 0, y = 0, width = 12, height = 6
        properties = {
          title  = "Requests a minute"
          region = var.region
          stat   = "Sum"
          period = 60
          metrics = concat(
            [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", aws_lb.server.arn_suffix]],
            [for metric in keys(local.counts) : ["AWS/ApplicationELB", metric, "LoadBalancer", aws_lb.server.arn_suffix]],
          )
        }
      },
      {
        type = "metric", x = 12, y = 0, width = 12, height = 6
        properties = {
          title  = "Response time, seconds"
          region = var.region
          period = 60
          metrics = [
            ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", aws_lb.server.arn_suffix, { stat = "p50" }],
            ["...", { stat = "p99" }],
          ]
        }
      },
    ]
  })
}
