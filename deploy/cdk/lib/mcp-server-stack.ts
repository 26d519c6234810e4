import * as cdk from 'aws-cdk-lib';
import { aws_apigateway as apigateway, aws_iam as iam, aws_lambda as lambda, aws_logs as logs } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { watch } from './watch';

/** Where requests come in: both stream, and both let in whom IAM knows. */
export type Door = 'function-url' | 'rest-api';

export interface McpServerStackProps extends cdk.StackProps {
  /** The folder with the binary `bootstrap`, built for ARM. */
  readonly code: string;
  readonly door: Door;
  /** Who is told of alarms. */
  readonly alarmEmail?: string;
}

/** An MCP server on AWS Lambda, at an address that stays the same. */
export class McpServerStack extends cdk.Stack {
  constructor(scope: Construct, id: string, props: McpServerStackProps) {
    super(scope, id, props);

    const stateKey = new cdk.CfnParameter(this, 'StateKey', {
      noEcho: true,
      allowedPattern: '^[0-9a-f]{64}$',
      description: '64 hexadecimal digits (openssl rand -hex 32), the same for all processes.',
    });
    const logGroup = new logs.LogGroup(this, 'Log', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    // May write this log and nothing else; the managed policy would let it write all.
    const role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);

    const server = new lambda.Function(this, 'Server', {
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: lambda.Architecture.ARM_64,
      handler: 'bootstrap',
      code: lambda.Code.fromAsset(props.code),
      role,
      memorySize: 256,
      timeout: cdk.Duration.seconds(60),
      // Limits what can be spent.
      reservedConcurrentExecutions: 50,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      environment: {
        MCP_STATE_KEY: stateKey.valueAsString,
        MCP_METRICS: 'emf',
        // Goes with the door's own setting below.
        MCP_LAMBDA_RESPONSE: 'stream',
      },
    });

    const url = props.door === 'function-url' ? functionUrl(server) : restApi(this, server, logGroup);
    new cdk.CfnOutput(this, 'Url', { value: url, description: 'What clients are given; they sign with IAM.' });
    watch(this, server, props.alarmEmail);
  }
}

function functionUrl(server: lambda.Function): string {
  const url = server.addFunctionUrl({
    authType: lambda.FunctionUrlAuthType.AWS_IAM,
    invokeMode: lambda.InvokeMode.RESPONSE_STREAM,
  });
  return `${url.url}mcp`;
}

function restApi(scope: Construct, server: lambda.Function, logGroup: logs.ILogGroup): string {
  const api = new apigateway.RestApi(scope, 'Api', {
    endpointTypes: [apigateway.EndpointType.REGIONAL],
    cloudWatchRole: false,
    deployOptions: {
      stageName: 'v1',
      tracingEnabled: true,
      throttlingRateLimit: 100,
      throttlingBurstLimit: 200,
      accessLogDestination: new apigateway.LogGroupLogDestination(logGroup),
      accessLogFormat: apigateway.AccessLogFormat.jsonWithStandardFields(),
    },
    defaultMethodOptions: { authorizationType: apigateway.AuthorizationType.IAM },
  });
  const integration = new apigateway.LambdaIntegration(server, {
    responseTransferMode: apigateway.ResponseTransferMode.STREAM,
    // A streamed reply may take longer than the 29 s of a whole one.
    timeout: cdk.Duration.seconds(60),
  });
  const endpoint = api.root.addResource('mcp');
  // GET and DELETE are for sessions, which a function does not keep; the server says so.
  for (const method of ['POST', 'GET', 'DELETE']) {
    endpoint.addMethod(method, integration);
  }
  return `${api.url}mcp`;
}
