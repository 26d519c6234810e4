"""Connects Google's Agent Development Kit to the example server, as its agents do.

Its `McpToolset` lists the tools and calls them over HTTP+SSE, Streamable HTTP and stdio, without a model.
Run by `cargo xtask test`.
"""

from __future__ import annotations

import argparse
import asyncio
import pathlib
import sys
import traceback

from google.adk.agents import LlmAgent
from google.adk.agents.invocation_context import InvocationContext
from google.adk.sessions import InMemorySessionService
from google.adk.tools.mcp_tool.mcp_session_manager import (
    SseConnectionParams,
    StdioConnectionParams,
    StreamableHTTPConnectionParams,
)
from google.adk.tools.mcp_tool.mcp_toolset import McpToolset
from google.adk.tools.tool_context import ToolContext
from mcp import StdioServerParameters

from serving import Listening


async def invocation() -> ToolContext:
    """What a run of an agent brings to each call."""
    sessions = InMemorySessionService()
    session = await sessions.create_session(app_name="test", user_id="ada")
    agent = LlmAgent(name="agent")
    return ToolContext(
        InvocationContext(
            invocation_id="1", agent=agent, session=session, session_service=sessions
        )
    )


async def adk(params: object) -> None:
    toolset = McpToolset(connection_params=params)
    try:
        tools = {tool.name: tool for tool in await toolset.get_tools()}
        assert {"add", "echo", "count"} <= tools.keys(), tools
        context = await invocation()
        added = await tools["add"].run_async(args={"a": 2, "b": 40}, tool_context=context)
        assert added["content"][0]["text"] == "42", added
        echoed = await tools["echo"].run_async(args={"text": "grüße"}, tool_context=context)
        assert echoed["content"][0]["text"] == "grüße", echoed
        refused = await tools["add"].run_async(args={"a": "two"}, tool_context=context)
        assert refused["isError"], refused
    finally:
        await toolset.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    command = [str(parser.parse_args().binaries / "hello")]

    failed = 0
    with Listening(command, "--legacy-sse") as http:
        stdio = StdioServerParameters(command=command[0], args=["stdio"])
        checks = {
            "HTTP+SSE": SseConnectionParams(url=f"http://{http}/sse"),
            "Streamable HTTP": StreamableHTTPConnectionParams(url=f"http://{http}/mcp"),
            "POST /sse": StreamableHTTPConnectionParams(url=f"http://{http}/sse"),
            "stdio": StdioConnectionParams(server_params=stdio, timeout=30),
        }
        for title, params in checks.items():
            try:
                asyncio.run(asyncio.wait_for(adk(params), 120))
            except Exception:
                failed += 1
                print(f"FAILED hello: google adk, {title}", file=sys.stderr)
                traceback.print_exc()
            else:
                print(f"ok     hello: google adk, {title}", file=sys.stderr)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
