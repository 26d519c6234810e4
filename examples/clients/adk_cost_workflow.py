"""Two agents, one after the other: the first finds out what a deployment costs, the second what would be better.

    python adk_cost_workflow.py http http://127.0.0.1:8000/mcp     # a cost-server
    python adk_cost_workflow.py stdio path/to/cost-server stdio

The workload is a million requests a month of 2 s with 1 GB, on AWS Lambda: $33.53 at list prices. With GOOGLE_API_KEY set it is Gemini that
works; without a key a script does. The tools that are used ask AWS nothing, so that no account is needed either.
"""

import asyncio
import sys

from google.adk.agents import LlmAgent, SequentialAgent

from adk_agent import ask, model, toolset

WORKLOAD = {
    "requests_per_month": 1_000_000,
    "duration_ms": 2000,
    "memory_mb": 1024,
    "architecture": "x86_64",
    # Answers are left out of the bill, as in most comparisons.
    "payload_kb": 0,
}
QUESTION = (
    "We run an MCP server as a Lambda function with a Function URL: a million requests a month, 2 s each, 1 GB of memory, "
    "x86_64. What does it cost, and would another place be better?"
)


def what_it_costs(answers: list[dict]) -> str:
    options = answers[-1]["structuredContent"]["options"]
    url = next(option for option in options if option["target"] == "lambda_function_url")
    cheapest = min(options, key=lambda option: float(option["monthly_usd"]))
    return f"Lambda costs ${url['monthly_usd']} a month; the cheapest is {cheapest['name']} at ${cheapest['monthly_usd']}."


def what_is_better(answers: list[dict]) -> str:
    first = answers[-1]["structuredContent"]["ranking"][0]
    return f"Best for this workload: {first['name']} at ${first['monthly_usd']} a month."


def workflow(transport: str, target: list[str]) -> SequentialAgent:
    analyst = LlmAgent(
        name="cost_analyst",
        model=model(("estimate_deployment_cost", WORKLOAD), what_it_costs),
        instruction="Find out what the user's deployment costs, and what the alternatives cost.",
        tools=[toolset(transport, target, ["estimate_deployment_cost"])],
        # The next agent finds it there.
        output_key="costs",
    )
    optimizer = LlmAgent(
        name="optimizer",
        model=model(("recommend_deployment", {**WORKLOAD, "priority": "cost"}), what_is_better),
        instruction="These are the costs: {costs}\nRecommend where to run the server, and say why.",
        tools=[toolset(transport, target, ["recommend_deployment"])],
    )
    return SequentialAgent(name="cost_workflow", sub_agents=[analyst, optimizer])


async def main(transport: str, *target: str) -> None:
    for agent, text in (await ask(workflow(transport, list(target)), QUESTION)).items():
        print(f"{agent}: {text}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
