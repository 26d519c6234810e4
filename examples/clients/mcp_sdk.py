"""The official Python SDK, over stdio, SSH, Streamable HTTP or HTTP+SSE.

    python mcp_sdk.py stdio path/to/sales-server stdio
    python mcp_sdk.py stdio ssh -T mcp@ADDRESS          # an instance of deploy/ec2
    python mcp_sdk.py http http://127.0.0.1:8000/mcp
    python mcp_sdk.py sse http://127.0.0.1:8000/sse     # a server with --legacy-sse

MCP_SERVER_KEY is shown to servers that ask for a credential.
"""

import asyncio
import os
import sys

from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


def headers() -> dict[str, str]:
    key = os.environ.get("MCP_SERVER_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


def connect(transport: str, target: list[str]) -> Client:
    if transport == "stdio":
        # The program's own environment stays here, but for what finds it and what SSH needs.
        return Client(StdioServerParameters(command=target[0], args=target[1:]))
    if transport == "sse":
        # HTTP+SSE is older than the revision that asks a server what it speaks.
        return Client(sse_client(target[0], headers=headers()), mode="legacy")
    return Client(streamable_http_client(target[0], http_client=create_mcp_http_client(headers=headers())))


async def main(transport: str, *target: str) -> None:
    async with connect(transport, list(target)) as client:
        tools = await client.list_tools()
        print("tools:", ", ".join(tool.name for tool in tools.tools))
        result = await client.call_tool("top_n_products", {"n": 3, "operation": "Dallas"})
        print(result.content[0].text)
        if result.is_error:
            sys.exit(1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
