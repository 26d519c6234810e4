"""No SDK at all: a request of HTTP is a call of a tool.

    python plain_requests.py http://127.0.0.1:8000/mcp

A server of MCP 2026-07-28 needs no handshake before it, and no session. MCP_SERVER_KEY is shown to servers that
ask for a credential.
"""

import os
import sys

import requests


def call(url: str, tool: str, arguments: dict) -> dict:
    headers = {"Accept": "application/json, text/event-stream"}
    if key := os.environ.get("MCP_SERVER_KEY"):
        headers["X-API-Key"] = key
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }
    response = requests.post(url, json=request, headers=headers, timeout=30)
    response.raise_for_status()
    answer = response.json()
    if "error" in answer:
        raise SystemExit(f"{answer['error']['code']}: {answer['error']['message']}")
    return answer["result"]


if __name__ == "__main__":
    print(call(sys.argv[1], "top_n_products", {"n": 3, "operation": "Dallas"})["content"][0]["text"])
