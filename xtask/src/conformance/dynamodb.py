"""DynamoDB on loopback, with an empty table for tasks, until standard input ends.

Usage: dynamodb.py TABLE    prints the endpoint's URL once the table is there.
"""

from __future__ import annotations

import logging
import sys

import boto3
from moto.server import ThreadedMotoServer


def main() -> None:
    # Each request would be a line.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # Neither is checked; without them boto3 would look for real ones.
    credentials = {"aws_access_key_id": "conformance", "aws_secret_access_key": "conformance"}
    dynamodb = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url, **credentials)
    # The keys that mcp-state-aws documents.
    dynamodb.create_table(
        TableName=sys.argv[1],
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    print(url, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
