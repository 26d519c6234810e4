"""Connects the official SDKs of the first generation, which know transports that later ones do not.

The Python SDK (`mcp` 1.x, this interpreter's) and the TypeScript SDK, each over a WebSocket, over HTTP+SSE,
over Streamable HTTP at the address of HTTP+SSE, and through the WebSocket API of a Lambda function, list the tools of the example server and call them.
Run by `cargo xtask test`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import pathlib
import subprocess
import sys
import traceback

from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.websocket import websocket_client

from serving import Listening, WebSocketApi

HERE = pathlib.Path(__file__).parent


async def python_sdk(connect: contextlib.AbstractAsyncContextManager) -> None:
    async with connect as (read, write, *_), ClientSession(read, write) as session:
        opened = await session.initialize()
        assert opened.protocolVersion == "2025-11-25", opened
        tools = {tool.name for tool in (await session.list_tools()).tools}
        assert {"add", "echo", "count"} <= tools, tools
        result = await session.call_tool("add", {"a": 2, "b": 40})
        assert result.content[0].text == "42", result
        steps: list[float] = []

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            steps.append(progress)

        await session.call_tool("count", {"n": 5}, progress_callback=on_progress)
        assert steps == [1, 2, 3, 4, 5], steps
        calls = [session.call_tool("echo", {"text": str(n)}) for n in range(50)]
        texts = [result.content[0].text for result in await asyncio.gather(*calls)]
        assert texts == [str(n) for n in range(50)], texts


def typescript_sdk(npm: pathlib.Path, transport: str, url: str) -> None:
    done = subprocess.run(
        [npm / "node", HERE / "check_sdk.mjs", npm.parent, transport, url],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--npm", type=pathlib.Path, required=True)
    parser.add_argument("--moto", help="a Python that has moto", required=True)
    options = parser.parse_args()
    command = [str(options.binaries / "hello")]
    function = [str(options.binaries / name) for name in ("lambda-emulator", "lambda-websocket")]

    checks = []
    with (
        Listening(command, "--legacy-sse") as http,
        Listening(command, transport="ws") as alone,
        WebSocketApi(*function, options.moto) as api,
    ):
        for title, url, connect, transport in (
            ("WebSocket beside HTTP", f"ws://{http}/ws", websocket_client, "WebSocket"),
            ("WebSocket alone", f"ws://{alone}/ws", websocket_client, "WebSocket"),
            ("WebSocket API of a Lambda function", api, websocket_client, "WebSocket"),
            ("HTTP+SSE", f"http://{http}/sse", sse_client, "SSE"),
            ("POST /sse", f"http://{http}/sse", streamable_http_client, "StreamableHTTP"),
        ):
            checks.append((
                f"python sdk 1.x, {title}",
                lambda url=url, connect=connect: asyncio.run(
                    asyncio.wait_for(python_sdk(connect(url)), 120)
                ),
            ))
            checks.append((
                f"typescript sdk, {title}",
                lambda url=url, transport=transport: typescript_sdk(options.npm, transport, url),
            ))
        failed = 0
        for title, check in checks:
            try:
                check()
            except Exception:
                failed += 1
                print(f"FAILED hello: {title}", file=sys.stderr)
                traceback.print_exc()
            else:
                print(f"ok     hello: {title}", file=sys.stderr)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
