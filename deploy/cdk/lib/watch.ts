import {
  aws_cloudwatch as cloudwatch,
  aws_cloudwatch_actions as actions,
  type aws_lambda as lambda,
  aws_sns as sns,
  aws_sns_subscriptions as subscriptions,
  Duration,
  Stack,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** Alarms for errors, throttles, the 99th percentile and the account's charges, and a dashboard. */
export function watch(scope: Construct, server: lambda.Function, email?: string): void {
  const topic = new sns.Topic(scope, 'Alarms');
  if (email !== undefined) {
    topic.addSubscription(new subscriptions.EmailSubscription(email));
  }

  const minute = { period: Duration.minutes(1) };
  const errors = server.metricErrors(minute);
  const throttles = server.metricThrottles(minute);
  const durations = server.metricDuration({ period: Duration.minutes(5), statistic: 'p99' });
  const alarm = (id: string, metric: cloudwatch.IMetric, threshold: number, alarmDescription: string): void => {
    new cloudwatch.Alarm(scope, id, {
      metric,
      threshold,
      alarmDescription,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 3,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new actions.SnsAction(topic));
  };
  alarm('ErrorsAlarm', errors, 0, "Invocations fail. A tool's own errors are answers, not failures.");
  alarm('ThrottlesAlarm', throttles, 0, "The function's or the account's concurrency is used up.");
  alarm('LatencyAlarm', durations, 10_000, 'One invocation of a hundred takes more than 10 s.');
  // AWS publishes charges nowhere else.
  if (Stack.of(scope).region === 'us-east-1') {
    const charges = new cloudwatch.Metric({
      namespace: 'AWS/Billing',
      metricName: 'EstimatedCharges',
      dimensionsMap: { Currency: 'USD' },
      statistic: 'Maximum',
      period: Duration.hours(6),
    });
    alarm('ChargesAlarm', charges, 100, "The account's estimated charges of this month, in dollars.");
  }

  new cloudwatch.Dashboard(scope, 'Dashboard', {
    widgets: [
      [
        new cloudwatch.GraphWidget({ title: 'Invocations', left: [server.metricInvocations(minute), errors, throttles] }),
        new cloudwatch.GraphWidget({
          title: 'Duration',
          left: [server.metricDuration({ statistic: 'p50' }), durations],
        }),
      ],
      [
        new cloudwatch.GraphWidget({
          title: 'Calls by tool',
          left: [
            new cloudwatch.MathExpression({
              expression: `SEARCH('{MCP,Server,Subject} MetricName="Calls"', 'Sum', 300)`,
              usingMetrics: {},
            }),
          ],
        }),
      ],
    ],
  });
}
