"""A Google ADK agent whose tools are those of our server.

    python adk_agent.py http http://127.0.0.1:8000/mcp
    python adk_agent.py stdio path/to/sales-server stdio
    python adk_agent.py sse http://127.0.0.1:8000/sse

With GOOGLE_API_KEY set it is Gemini (ADK_MODEL) that decides what to call; without a key a script does, and
everything else is the same. MCP_SERVER_KEY is shown to servers that ask for a credential.
"""

import asyncio
import os
import sys

from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import (
    McpToolset,
    SseConnectionParams,
    StdioConnectionParams,
    StreamableHTTPConnectionParams,
)
from mcp import StdioServerParameters

from scripted_model import ScriptedModel

QUESTION = "What are the three best sellers of our branch in Dallas?"


def toolset(transport: str, target: list[str], tools: list[str] | None = None) -> McpToolset:
    key = os.environ.get("MCP_SERVER_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else None
    if transport == "stdio":
        server = StdioServerParameters(command=target[0], args=target[1:])
        connection = StdioConnectionParams(server_params=server, timeout=30)
    elif transport == "sse":
        connection = SseConnectionParams(url=target[0], headers=headers)
    else:
        connection = StreamableHTTPConnectionParams(url=target[0], headers=headers)
    return McpToolset(connection_params=connection, tool_filter=tools)


def model(*script) -> str | ScriptedModel:
    if os.environ.get("GOOGLE_API_KEY"):
        return os.environ.get("ADK_MODEL", "gemini-3.5-flash")
    return ScriptedModel(turns=list(script))


async def ask(agent, question: str) -> dict[str, str]:
    """What each agent says at the end of its turn."""
    said: dict[str, str] = {}
    async with InMemoryRunner(agent=agent, app_name="example") as runner:
        for event in await runner.run_debug(question, quiet=True):
            for part in (event.content.parts or []) if event.content else []:
                if part.text:
                    said[event.author] = part.text
    return said


def best_sellers(answers: list[dict]) -> str:
    products = answers[-1]["structuredContent"]["products"]
    return "; ".join(f"{each['rank']}. {each['product']}: {each['revenue']}" for each in products)


async def main(transport: str, *target: str) -> None:
    agent = LlmAgent(
        name="sales",
        model=model(("top_n_products", {"n": 3, "operation": "Dallas"}), best_sellers),
        instruction="Answer questions about sales with the tools. Name figures as they give them.",
        tools=[toolset(transport, list(target), ["top_n_products", "sales_summary"])],
    )
    print((await ask(agent, QUESTION))["sales"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
