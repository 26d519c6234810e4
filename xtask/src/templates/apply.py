"""Applies templates to moto, as far as moto knows their resources, and looks at what was made. Those that are deployed by
the SAM CLI are packaged by it: the nested templates and the code go into a bucket of moto's.

Usage: apply.py PYTHON DEPLOY    where PYTHON is that of the SAM CLI, which is beside it, and DEPLOY the folder of the
templates as `mcp deploy render` has filled them.

What is left out, since moto fails on something in them that AWS knows: the stacks with Function URLs, the REST API and
Managed Instances (AWS::Lambda::Url, AWS::ApiGateway and capacity providers within CloudFormation), Express Mode,
AgentCore (but for the function in it), ecs-fargate (Cloud Map, names of target groups), network.yaml (Fn::Cidr), waf.yaml,
cognito.yaml and cloudtrail.yaml.
"""

from __future__ import annotations

import ast
import logging
import os
import subprocess
import sys
import tempfile
import textwrap
import types
import warnings
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
BUCKET = "artifacts"
SAM_PYTHON = Path(sys.argv[1])
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"


class Stack:
    def __init__(self, template: Path, parameters: dict[str, str]):
        cloudformation = client("cloudformation")
        text = template.read_text(encoding="utf-8")
        declared = text.split("\nResources:")[0]
        name = f"{template.parent.name}-{template.stem}"
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=packaged(template) if "../modules/" in text else text,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in parameters.items()
                if f"\n  {key}:\n" in declared
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        assert status == "CREATE_COMPLETE", f"{template}: {status}"
        resources = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
        self.made = {each["LogicalResourceId"]: each.get("PhysicalResourceId") for each in resources if each["ResourceType"]}

    def __getitem__(self, resource: str) -> str:
        return self.made[resource]


def client(service: str):
    return boto3.client(service, region_name=REGION)


def packaged(template: Path) -> str:
    """What the SAM CLI hands to CloudFormation, and CloudFormation makes of it, where it is a template of SAM."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "packaged.yaml"
        command = [SAM_PYTHON.with_name("sam"), "package", "--template-file", template, "--s3-bucket", BUCKET]
        said = subprocess.run([*command, "--output-template-file", output], capture_output=True, text=True)
        assert said.returncode == 0, f"{template}: {said.stderr}"
        text = output.read_text(encoding="utf-8")
        assert "../modules/" not in text, f"{template}: what it holds is not in the bucket"
        if "AWS::Serverless" not in text:
            return text
        translate = [SAM_PYTHON, Path(__file__).with_name("translate.py"), output]
        return subprocess.run(translate, capture_output=True, text=True, check=True).stdout


def policy(role: str, name: str) -> list[dict]:
    document = client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    # moto writes what CloudFormation gives it down as Python does, not as JSON.
    return (ast.literal_eval(document) if isinstance(document, str) else document)["Statement"]


def places() -> dict[str, str]:
    """What the stacks are given: a VPC with four subnets (moto does not know Fn::Cidr, by which ours are made), a load
    balancer that is there already. And what is secret."""
    ec2, balancers = client("ec2"), client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=REGION + "ab"[number % 2])
        for number in range(4)
    ]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    balancer = balancers.create_load_balancer(Name="mcp", Subnets=ids[:2])["LoadBalancers"][0]["LoadBalancerArn"]
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = balancers.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[nothing])
    return {
        "VpcId": vpc,
        "PublicSubnet": ids[0],
        "PublicSubnets": ",".join(ids[:2]),
        "PrivateSubnets": ",".join(ids[2:]),
        "PrivateRouteTables": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "HttpsListenerArn": listener["Listeners"][0]["ListenerArn"],
        "StateKey": "ab" * 32,
        "ApiKeys": f"ci sha256:{'0' * 64}",
    }


def ec2(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(deploy / "ec2/template.yaml", places)
    group = client("ec2").describe_security_groups(GroupIds=[stack["SecurityGroup"]])["SecurityGroups"][0]
    [rule] = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (22, 22), rule
    assert [each["CidrIp"] for each in rule["IpRanges"]] == ["203.0.113.7/32"], rule
    objects = policy(stack["Role"], "instance")[0]["Resource"]
    assert objects == "arn:aws:s3:::artifacts/mcp/1.2.3/*", objects
    watched(stack)


def ecs_ec2(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(deploy / "ecs-ec2/template.yaml", places)
    [group] = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[stack["Instances"]])[
        "AutoScalingGroups"
    ]
    assert (group["MinSize"], group["MaxSize"]) == (2, 6) and group["NewInstancesProtectedFromScaleIn"], group


def eks(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(deploy / "eks/aws.yaml", places)
    watched(stack)
    role = client("iam").get_role(RoleName=stack["ServerRole"])["Role"]
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    asked = statement["Condition"]["StringEquals"]
    assert asked == {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": "system:serviceaccount:mcp:mcp"}, asked


def watched(stack: Stack) -> None:
    """The stack within has made its dashboard, and who is told of alarms."""
    template = client("cloudformation").get_template(StackName=stack["Monitoring"])["TemplateBody"]
    made = client("cloudformation").list_stack_resources(StackName=stack["Monitoring"])["StackResourceSummaries"]
    assert "ErrorsAlarm" in str(template) and any(each["ResourceType"] == "AWS::SNS::Topic" for each in made), made
    topics = client("sns").list_subscriptions()["Subscriptions"]
    assert any(each["Endpoint"] == "ops@example.com" for each in topics), topics


def function(stack: Stack, **variables: str) -> dict:
    made = client("lambda").get_function_configuration(FunctionName=stack["Server"])
    # moto makes every function for x86_64.
    assert (made["Runtime"], made["Handler"]) == ("provided.al2023", "bootstrap"), made
    known = made["Environment"]["Variables"]
    assert known.items() >= variables.items() and len(known["MCP_STATE_KEY"]) == 64, known
    watched(stack)
    return made


def http_api(deploy: Path, places: dict[str, str]) -> None:
    made = function(Stack(deploy / "lambda/http-api.yaml", places), MCP_METRICS="emf")
    # Longer than API Gateway waits would be of no use.
    assert made["Timeout"] <= 30, made


def alb(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(deploy / "lambda/alb.yaml", places)
    function(stack, MCP_API_KEYS=places["ApiKeys"])
    rules = client("elbv2").describe_rules(ListenerArn=places["HttpsListenerArn"])["Rules"]
    assert any("mcp.example.com" in str(rule["Conditions"]) for rule in rules), rules


def websocket_api(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(deploy / "lambda/websocket-api.yaml", places)
    function(stack, MCP_CONNECTION_TABLE=stack["Table"])
    table = client("dynamodb").describe_table(TableName=stack["Table"])["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST", table


def vpc_endpoints(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(deploy / "modules/vpc-endpoints.yaml", places)
    endpoints = client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    services = {each["ServiceName"].rsplit(".", 1)[1] for each in endpoints}
    assert services >= {"logs", "secretsmanager", "sts", "s3", "dynamodb"} and stack["SecurityGroup"], services


def agentcore_retention(deploy: Path, _: dict[str, str]) -> None:
    """The function in the template sets the retention of a log group, whether it is there already or not."""
    text = (deploy / "agentcore/template.yaml").read_text(encoding="utf-8")
    lines = text.split("        ZipFile: |\n")[1].splitlines()
    code = "\n".join(lines[: next(i for i, line in enumerate(lines) if line and not line.startswith(" " * 10))])
    told: list[tuple] = []
    # What CloudFormation gives a function whose code stands in its template.
    response = types.ModuleType("cfnresponse")
    response.SUCCESS, response.FAILED = "SUCCESS", "FAILED"
    response.send = lambda event, context, status, *_, **__: told.append(status)
    sys.modules["cfnresponse"] = response
    module: dict = {}
    exec(compile(textwrap.dedent(code), "agentcore/template.yaml", "exec"), module)
    logs = client("logs")
    logs.create_log_group(logGroupName="/aws/bedrock-agentcore/runtimes/there-DEFAULT")
    for group in ("there", "new"):
        group = f"/aws/bedrock-agentcore/runtimes/{group}-DEFAULT"
        for request, days in (("Create", "30"), ("Update", "90"), ("Delete", "90")):
            event = {"RequestType": request, "ResourceProperties": {"LogGroup": group, "Days": days}}
            module["handler"](event, None)
            [made] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
            assert made["retentionInDays"] == int(days), made
    assert told == ["SUCCESS"] * 6, told


def main() -> None:
    # It says of each resource that it does not know that it does not.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        # By this name moto knows addresses of its own buckets.
        os.environ["AWS_ENDPOINT_URL"] = f"http://localhost:{server.get_host_and_port()[1]}"
        os.environ.update(AWS_DEFAULT_REGION=REGION, SAM_CLI_TELEMETRY="0")
        client("s3").create_bucket(Bucket=BUCKET)
        given = places()
        checks = (ec2, ecs_ec2, eks, http_api, alb, websocket_api, vpc_endpoints, agentcore_retention)
        for check in checks:
            check(Path(sys.argv[2]), given)
    finally:
        server.stop()
    print(f"{len(checks)} checks of what stacks make pass")


if __name__ == "__main__":
    main()
