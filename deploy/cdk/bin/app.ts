import * as cdk from 'aws-cdk-lib';

import { type Door, McpServerStack } from '../lib/mcp-server-stack';

const app = new cdk.App();

/** What `-c NAME=VALUE` gives, or the default. */
function setting(name: string, otherwise: string): string {
  const value: unknown = app.node.tryGetContext(name);
  return value === undefined ? otherwise : String(value);
}

function door(name: string): Door {
  if (name === 'function-url' || name === 'rest-api') {
    return name;
  }
  throw new Error(`door is "${name}", expected function-url or rest-api`);
}

const region = process.env['CDK_DEFAULT_REGION'];
const email = setting('alarmEmail', '');
new McpServerStack(app, setting('name', 'mcp'), {
  // The folder with the binary `bootstrap`, such as cargo-lambda's target/lambda/NAME.
  code: setting('code', '../../target/lambda/lambda-function-url'),
  door: door(setting('door', 'function-url')),
  ...(region === undefined ? {} : { env: { region } }),
  ...(email === '' ? {} : { alarmEmail: email }),
  tags: { app: 'mcp', stage: setting('stage', 'production') },
});
