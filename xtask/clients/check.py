"""Connects the official clients to the example servers and checks what they see.

The Python SDK (automatic and legacy mode) and the MCP Inspector's command line, each over stdio
and over HTTP (the Inspector over HTTP+SSE, too), list the tools and call `top_n_products`; the sums
are computed here a second time, from the CSV, with decimal arithmetic. Run by `cargo xtask test`.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import csv
import decimal
import json
import os
import pathlib
import subprocess
import sys
import traceback

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from serving import Listening


def expected_top(path: pathlib.Path, n: int, operation: str) -> list[tuple[str, decimal.Decimal]]:
    """The products with the highest revenue of one branch, straight from the file."""
    revenue: dict[str, decimal.Decimal] = collections.defaultdict(decimal.Decimal)
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["operation"] == operation:
                revenue[row["product"]] += decimal.Decimal(row["revenue"])
    return sorted(revenue.items(), key=lambda item: (-item[1], item[0]))[:n]


def check_top(structured: dict, expected: list[tuple[str, decimal.Decimal]]) -> None:
    found = [
        (row["product"], decimal.Decimal(str(row["revenue"])).quantize(decimal.Decimal("0.01")))
        for row in structured["products"]
    ]
    wanted = [
        (product, revenue.quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_EVEN))
        for product, revenue in expected
    ]
    for (product, revenue), (wanted_product, wanted_revenue) in zip(found, wanted, strict=True):
        assert product == wanted_product, f"{product} where {wanted_product} is expected"
        # Half a cent may be rounded either way.
        assert abs(revenue - wanted_revenue) <= decimal.Decimal("0.01"), (product, revenue, wanted_revenue)


async def python_sdk(server: str | StdioServerParameters, mode: str, sales: bool, top: list) -> None:
    async with Client(server, mode=mode) as client:
        version = client.protocol_version
        assert (version == "2026-07-28") == (mode == "auto"), f"mode {mode} negotiated {version}"
        tools = {tool.name for tool in (await client.list_tools()).tools}
        if sales:
            assert {"top_n_products", "sales_summary"} <= tools, tools
            result = await client.call_tool("top_n_products", {"n": len(top), "operation": "Dallas"})
            assert not result.is_error, result
            check_top(result.structured_content, top)
            result = await client.call_tool("top_n_products", {"n": 3, "operation": "Atlantis"})
            assert result.is_error and "Atlantis" in result.content[0].text, result
        else:
            assert {"add", "echo", "count"} <= tools, tools
            result = await client.call_tool("add", {"a": 2, "b": 40})
            assert result.content[0].text == "42", result
            steps: list[float] = []

            async def on_progress(progress: float, total: float | None, message: str | None) -> None:
                steps.append(progress)

            await client.call_tool("count", {"n": 5}, progress_callback=on_progress)
            assert steps == [1, 2, 3, 4, 5], steps


def inspector(npm: pathlib.Path, target: list[str], era: str, sales: bool, top: list) -> None:
    def cli(*arguments: str) -> dict:
        environment = os.environ | {
            "PATH": f"{npm.parent / 'node' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            [str(npm / "mcp-inspector"), "--cli", *target, "--protocol-era", era, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    tools = {tool["name"] for tool in cli("--method", "tools/list")["tools"]}
    if sales:
        assert "top_n_products" in tools, tools
        result = cli(
            "--method", "tools/call", "--tool-name", "top_n_products",
            "--tool-arg", f"n={len(top)}", "operation=Dallas",
        )
        check_top(result["structuredContent"], top)
    else:
        assert {"add", "echo", "count"} <= tools, tools
        result = cli("--method", "tools/call", "--tool-name", "add", "--tool-arg", "a=2", "b=40")
        assert result["content"][0]["text"] == "42", result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--npm", type=pathlib.Path, required=True)
    parser.add_argument("--sales", type=pathlib.Path, required=True)
    options = parser.parse_args()
    top = expected_top(options.sales, 7, "Dallas")
    assert len(top) == 7

    passed, failed = 0, 0
    for name in ("hello", "sales-server"):
        command = [str(options.binaries / name)]
        sales = name == "sales-server"
        checks = []
        with Listening(command, "--legacy-sse") as address:
            url = f"http://{address}/mcp"
            stdio = StdioServerParameters(command=command[0], args=["stdio"])
            for mode in ("auto", "legacy"):
                for transport, server in (("stdio", stdio), ("http", url)):
                    checks.append((
                        f"python sdk, {transport}, {mode}",
                        lambda server=server, mode=mode: asyncio.run(
                            asyncio.wait_for(python_sdk(server, mode, sales, top), 120)
                        ),
                    ))
            for era in ("modern", "legacy"):
                for transport, target in (("stdio", [*command, "stdio"]), ("http", [url])):
                    checks.append((
                        f"inspector, {transport}, {era}",
                        lambda target=target, era=era: inspector(options.npm, target, era, sales, top),
                    ))
            sse = [f"http://{address}/sse", "--transport", "sse"]
            checks.append((
                "inspector, sse, legacy",
                lambda sse=sse: inspector(options.npm, sse, "legacy", sales, top),
            ))
            for title, check in checks:
                try:
                    check()
                except Exception:
                    failed += 1
                    print(f"FAILED {name}: {title}", file=sys.stderr)
                    traceback.print_exc()
                else:
                    passed += 1
                    print(f"ok     {name}: {title}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
