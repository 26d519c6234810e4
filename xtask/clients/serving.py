"""A server under test, for the scripts that connect clients to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import urllib.request


class Listening:
    """A server process that listens on a free port of loopback."""

    def __init__(
        self,
        command: list[str],
        *options: str,
        transport: str = "http",
        environment: dict[str, str] | None = None,
    ):
        self.command = [*command, transport, "--listen", "127.0.0.1:0", *options]
        self.environment = os.environ | (environment or {})

    def __enter__(self) -> str:
        """The address, such as `127.0.0.1:8000`."""
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = ""
        for line in self.process.stderr:
            said += line
            if found := re.search(r"(?:http|ws)://(127\.0\.0\.1:\d+)/", line):
                return found.group(1)
        raise RuntimeError(f"the server did not say where it listens: {said}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.stderr.read()
        status = self.process.wait(timeout=30)
        assert status == 0, f"SIGTERM should end the server with 0, not {status}"


class WebSocketApi:
    """A Lambda function behind the emulator's WebSocket API, with a table for its connections in moto."""

    MOTO = (
        "import sys, threading, os\n"
        # It ends with its standard input, however these scripts end.
        "threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()\n"
        "from moto.server import main\n"
        "main(['-H', '127.0.0.1', '-p', '0'])\n"
    )
    TABLE = {
        "TableName": "mcp",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    }

    def __init__(self, emulator: str, program: str, moto_python: str):
        self.emulator, self.program, self.moto_python = emulator, program, moto_python

    def __enter__(self) -> str:
        """The URL, such as `ws://127.0.0.1:8000/prod`."""
        pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.moto = subprocess.Popen([self.moto_python, "-c", self.MOTO], stdout=subprocess.DEVNULL, **pipes)
        moto = self.said(self.moto, r"Running on (http://127\.0\.0\.1:\d+)")
        request = urllib.request.Request(moto, json.dumps(self.TABLE).encode())
        request.add_header("content-type", "application/x-amz-json-1.0")
        request.add_header("x-amz-target", "DynamoDB_20120810.CreateTable")
        scope = "emulator/20260101/us-east-1/dynamodb/aws4_request"
        signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        request.add_header("authorization", signature)
        urllib.request.urlopen(request, timeout=30).read()

        environment = {
            "AWS_ENDPOINT_URL_DYNAMODB": moto,
            "MCP_ALLOW_ANONYMOUS": "true",
            "MCP_CONNECTION_TABLE": "mcp",
        }
        self.process = subprocess.Popen(
            [self.emulator, "web-socket-api", self.program], env=os.environ | environment, **pipes
        )
        return self.said(self.process, r"(ws://127\.0\.0\.1:\d+/prod)")

    @staticmethod
    def said(process: subprocess.Popen, pattern: str) -> str:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(pattern, line):
                # A full pipe would stop the process.
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return found.group(1)
        raise RuntimeError(f"{process.args[0]} did not say where it listens: {said}")

    def __exit__(self, *_: object) -> None:
        for process in (self.process, self.moto):
            process.kill()
            process.wait(timeout=30)
