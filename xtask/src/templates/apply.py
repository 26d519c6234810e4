"""Applies templates of CloudFormation to moto, as far as moto knows their resources, and looks at what was made.

Usage: apply.py DEPLOY    where DEPLOY is the folder of the templates.
"""

from __future__ import annotations

import ast
import logging
import sys
import warnings
from pathlib import Path

import boto3
from moto import mock_aws

REGION = "us-east-1"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"


class Stack:
    def __init__(self, template: Path, parameters: dict[str, str]):
        cloudformation = boto3.client("cloudformation", region_name=REGION)
        name = template.parent.name
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=template.read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
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


def policy(role: str, name: str) -> list[dict]:
    document = client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    # moto writes what CloudFormation gives it down as Python does, not as JSON.
    return (ast.literal_eval(document) if isinstance(document, str) else document)["Statement"]


def network() -> dict[str, str]:
    """A VPC with four subnets; moto does not know Fn::Cidr, by which ours are made."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=REGION + "ab"[number % 2])
        for number in range(4)
    ]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    return {"VpcId": vpc, "PublicSubnets": ",".join(ids[:2]), "PrivateSubnets": ",".join(ids[2:])}


def ec2(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(
        deploy / "ec2/template.yaml",
        {
            "ClientAddress": "203.0.113.7/32",
            "ClientPublicKey": "ssh-ed25519 AAAA laptop",
            "ArtifactsBucket": "artifacts",
            "ArtifactsPrefix": "mcp/1.0.0",
            "VpcId": places["VpcId"],
            "PublicSubnet": places["PublicSubnets"].split(",")[0],
        },
    )
    group = client("ec2").describe_security_groups(GroupIds=[stack["SecurityGroup"]])["SecurityGroups"][0]
    [rule] = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (22, 22), rule
    assert [each["CidrIp"] for each in rule["IpRanges"]] == ["203.0.113.7/32"], rule
    objects = policy(stack["Role"], "instance")[0]["Resource"]
    assert objects == "arn:aws:s3:::artifacts/mcp/1.0.0/*", objects


def ecs_ec2(deploy: Path, places: dict[str, str]) -> None:
    stack = Stack(
        deploy / "ecs-ec2/template.yaml",
        {"VpcId": places["VpcId"], "PrivateSubnets": places["PrivateSubnets"]},
    )
    [group] = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[stack["Instances"]])[
        "AutoScalingGroups"
    ]
    assert (group["MinSize"], group["MaxSize"]) == (2, 6) and group["NewInstancesProtectedFromScaleIn"], group


def eks(deploy: Path, _: dict[str, str]) -> None:
    stack = Stack(deploy / "eks/aws.yaml", {"OidcProvider": ISSUER})
    role = client("iam").get_role(RoleName=stack["ServerRole"])["Role"]
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    asked = statement["Condition"]["StringEquals"]
    assert asked == {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": "system:serviceaccount:mcp:mcp"}, asked


def main() -> None:
    # It says of each resource that it does not know that it does not.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    deploy = Path(sys.argv[1])
    with mock_aws():
        places = network()
        checks = (ec2, ecs_ec2, eks)
        for check in checks:
            check(deploy, places)
    print(f"{len(checks)} stacks make what they say")


if __name__ == "__main__":
    main()
